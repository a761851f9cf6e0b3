"""What holds for every number: the level of its interval, and where estimates fall short."""

LEVEL = 0.95
LEVEL_IN_WORDS = f"{100 * LEVEL:.0f} %"

# Estimates from distances to neighbours fall short above this dimension at usual sample sizes.
DIMENSION_CEILING = 20
BY_HOW_MUCH = "at 4,000 tokens a true 50 reads 33 and a true 100 reads 51"
SHORTFALL = f"Estimates above about {DIMENSION_CEILING} fall short: {BY_HOW_MUCH}."

# Spectra of fewer tokens for each dimension end too early: numbers from them are biased.
TOKENS_PER_DIMENSION = 10

# A head whose mean attention to the first token is above this has its sink there (Gu et al. 2024,
# arXiv 2410.10781).
SINK_SHARE = 0.3

# Where an approximate search finds a smaller share of the true neighbours than this, estimates
# of dimension are biased by more than a percent.
GOOD_RECALL = 0.98

# Why a number is undefined whose vectors are as large or small as float64 goes.
TOO_LARGE = "larger than the largest float64, 1.8e308"
TOO_SMALL = "smaller than the smallest float64, 4.9e-324"


def errors_of_an_interval(freedom: float) -> float:
    """Return how many standard errors an interval reaches to either side: Student's t.

    >>> [round(errors_of_an_interval(freedom), 2) for freedom in (1, 15, 1e9)]
    [12.71, 2.13, 1.96]
    """
    # Asking reads this module for its constants; scipy takes longer to import than that.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))
