"""Where the pipeline reports to and stores its result, in each host."""
