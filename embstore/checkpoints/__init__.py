"""Which files a checkpoint is: found, fetched and fingerprinted; no model is built yet."""
