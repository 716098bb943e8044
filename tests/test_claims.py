"""A claim is printed with the digits that its Monte Carlo error supports, and no author can ask for more."""

import pytest
from claims import show


@pytest.mark.parametrize(
    ("value", "error", "spec", "text"),
    [
        (0.2571, 0.004, "", "0.26"),
        (0.2571, 0.0101, "", "0.3"),
        (0.2571, 0.0001, "", "0.26"),  # two digits are enough below one
        (1.3271, 0.0001, "", "1.33"),  # and three above
        (0.00571, 0.0001, "", "0.0057"),
        (0.7012, 0.006, "%", "70%"),
        (0.7012, 0.0301, "%", "70%"),
        (0.0271, 0.0006, "%", "2.7%"),
        (0.02, 0.004, "+", "+0.02"),
        (-0.59, 0.002, "", "-0.59"),
        (-0.0014, 0.004, "", "0.00"),
        (1234.5, 20, ",", "1,200"),
        (12345.6, 0.1, ",", "12,300"),
        (0.0, 0.004, "", "0.00"),
    ],
)
def test_digits_follow_from_the_error(value, error, spec, text):
    assert show("x_mean", {"x_mean": value, "x_mcse": error}, spec) == text


def test_precision_by_hand_changes_nothing_where_the_error_decides():
    assert show("x_share", {"x_share": 0.2571, "x_share_mcse": 0.02}, ".3f") == "0.3"


@pytest.mark.parametrize(
    ("value", "spec", "text"), [(919, "", "919"), (0.5, ".2f", "0.50"), ("Cass", "", "Cass")]
)
def test_claim_without_an_error_is_printed_as_asked(value, spec, text):
    assert show("x", {"x": value}, spec) == text


@pytest.mark.parametrize("spec", ["nonsense", ".2e", "d"])
def test_format_that_means_nothing_is_refused(spec):
    with pytest.raises(ValueError, match="no format"):
        show("x", {"x": 0.5, "x_mcse": 0.1}, spec)
