"""What every component needs beside the contract: guarded connections, logs, settings, retries."""
