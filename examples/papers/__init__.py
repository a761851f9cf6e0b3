"""The protocols of papers, run on models that are at hand, and the figures drawn beside theirs."""
