"""Text or images, from where they lie to windows of token ids."""
