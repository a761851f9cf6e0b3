"""Scores from elsewhere: files of evaluations, and tables of a user's own, to records."""
