"""Models of the Hugging Face hub as folders: from the cache without asking, from the hub where the cache lacks files.

The model libraries are given folders only and are switched offline, so that no other code talks to the hub.
"""
