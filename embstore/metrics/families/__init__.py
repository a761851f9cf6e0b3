"""What the metrics of one family share: what they look at, and how their errors are made."""
