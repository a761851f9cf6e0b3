"""Scripts that try a store hard; the tests run them briefly."""
