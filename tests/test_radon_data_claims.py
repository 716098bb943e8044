"""Every result that chapters/radon-data.md states, worked out another way from the raw survey."""

import numpy as np
import pandas as pd
import pytest
from build_radon import minnesota_homes, read_raw
from monte_carlo import Estimate, assert_agrees, assert_exceeds
from scipy.stats import norm


@pytest.fixture(scope="module")
def data(claims):
    return claims["radon-data"]


@pytest.fixture(scope="module")
def survey():
    return minnesota_homes()


@pytest.fixture(scope="module")
def basements(survey):
    return survey[survey["floor"] == 0].assign(log_radon=lambda homes: np.log(homes.activity + 0.1))


def test_survey_has_this_many_homes_and_counties(data, survey):
    assert data["data_homes_count"] == len(survey) == 919
    assert data["data_counties_count"] == len(set(survey["cntyfips"])) == 85


def test_two_of_the_87_counties_have_no_home(survey):
    counties = read_raw("cty.dat.gz").query("stfips == 27").set_index("ctfips")["cty"]
    assert counties.index.nunique() == 87
    assert set(counties.drop(survey["cntyfips"].unique())) == {"GRANT", "REDLAKE"}


def test_most_homes_were_measured_for_two_days_in_one_winter(survey):
    start, stop = [
        pd.to_datetime(survey[column].astype(str).str.zfill(6), format="%m%d%y")
        for column in ["startdt", "stopdt"]
    ]
    assert (start.min().strftime("%Y-%m"), start.max().strftime("%Y-%m")) == ("1987-12", "1988-04")
    assert ((stop - start).dt.days == 2).mean() > 0.5


def test_activity_is_skewed_and_its_logarithm_is_not(data, survey):
    assert data["data_activity_median"] == survey["activity"].median()
    assert data["data_activity_max"] == survey["activity"].max()
    log_radon = np.log(survey["activity"] + 0.1)
    assert data["data_log_radon_median"] == pytest.approx(log_radon.median(), abs=1e-5)
    assert survey["activity"].skew() > 3
    assert abs(log_radon.skew()) < 0.6


def test_three_homes_read_zero_and_all_are_read_to_a_tenth(data, survey):
    assert data["data_zero_count"] == (survey["activity"] == 0).sum() == 3
    assert np.allclose(survey["activity"] * 10, (survey["activity"] * 10).round())


def test_radon_is_lower_on_the_first_floor(data, survey):
    medians = survey.groupby("floor")["activity"].median()
    assert data["data_basement_median"] == medians[0]
    assert data["data_first_floor_median"] == medians[1] < medians[0]


def test_most_homes_measured_on_the_first_floor_have_a_basement(data, survey):
    upstairs = survey.query("floor == 1")
    with_basement = upstairs.query("basement == 'Y'")
    assert data["data_first_floor_count"] == len(upstairs)
    assert data["data_first_floor_with_basement_count"] == len(with_basement)
    share = len(with_basement) / len(upstairs)
    assert data["data_first_floor_with_basement_share"] == pytest.approx(share)
    assert share > 0.5


def test_some_rows_contradict_themselves(data, survey):
    contradictions = survey.query("floor == 0 and basement == 'N'")
    assert data["data_basement_without_basement_count"] == len(contradictions) > 0


def test_place_matters_and_the_basement_below_does_not(data, survey):
    medians = survey.groupby(["floor", "basement"])["activity"].median()
    assert data["data_downstairs_median"] == medians[0, "Y"]
    assert data["data_upstairs_median"] == medians[1, "Y"]
    assert data["data_no_basement_median"] == medians[1, "N"]
    assert abs(medians[1, "Y"] - medians[1, "N"]) < (medians[0, "Y"] - medians[1, "Y"]) / 4


def test_homes_per_county(data, survey):
    homes = survey["county"].value_counts()
    assert data["data_homes_per_county_min"] == homes.min()
    assert data["data_homes_per_county_median"] == homes.median()
    assert data["data_homes_per_county_max"] == homes.max()
    assert data["data_largest_county"].upper() == homes.idxmax()
    assert data["data_single_home_counties_count"] == (homes == 1).sum()


def test_counties_with_one_floor_have_basements_only(data, survey):
    floors = survey.groupby("county")["floor"].agg(["nunique", "max"])
    one_floor = floors[floors["nunique"] == 1]
    assert data["data_one_floor_counties_count"] == len(one_floor)
    assert data["data_basement_only_counties_count"] == (one_floor["max"] == 0).sum()
    assert len(one_floor) == (one_floor["max"] == 0).sum()


def test_extreme_counties_are_small(data, basements):
    means = basements.groupby("county")["log_radon"].agg(["mean", "size"]).sort_values("mean")
    assert data["data_extreme_homes_max"] == means["size"].iloc[[0, 1, 2, -3, -2, -1]].max()
    assert data["data_extreme_homes_max"] < 10
    assert data["data_basement_homes_max"] == means["size"].max()


def test_more_counties_leave_the_trumpet_than_chance_would_put_there(data, basements):
    means = basements.groupby("county")["log_radon"].agg(["mean", "size"])
    mean, sd = basements["log_radon"].mean(), basements["log_radon"].std()
    outside = means[(means["mean"] - mean).abs() * np.sqrt(means["size"]) > 2 * sd]
    assert data["data_basement_log_radon_mean"] == pytest.approx(mean, abs=1e-5)
    assert data["data_basement_counties_count"] == len(means)
    expected = 2 * norm.sf(2) * len(means)
    assert data["data_outside_expected"] == pytest.approx(expected, rel=0.001)
    assert data["data_outside_count"] == len(outside) > 2 * expected
    assert outside["size"].idxmax() == data["data_largest_county"].upper()
    assert outside["mean"][outside["size"].idxmax()] < mean


@pytest.fixture(scope="module")
def by_lot(basements):
    """Return the counties outside and the homes of the highest county, in each of 20,000 shuffles."""
    county, _ = pd.factorize(basements["county"])
    log_radon, homes = basements["log_radon"].to_numpy(), np.bincount(county)
    rng = np.random.default_rng(1)
    means = [np.bincount(county, rng.permutation(log_radon)) / homes for _ in range(20_000)]
    error = log_radon.std(ddof=1) / np.sqrt(homes)
    outside = (np.abs(np.array(means) - log_radon.mean()) > 2 * error).sum(axis=1)
    return pd.DataFrame({"outside": outside, "homes": homes[np.argmax(means, axis=1)]})


def mean_of_shuffles(values):
    """Return the mean of independent shuffles."""
    return Estimate(values.mean(), values.std() / np.sqrt(len(values)), len(values), "the shuffles")


def test_counties_drawn_by_lot_hardly_ever_differ_as_much(data, by_lot):
    # As many were in none of 20,000, so that two in 2,000 would be a wonder.
    assert (by_lot["outside"] < data["data_outside_count"]).all()
    assert 0 <= data["shuffled_as_many_count"] <= 1
    outside = data.estimate("shuffled_outside_mean", ess=2000)
    assert_agrees(outside, mean_of_shuffles(by_lot["outside"]))


def test_highest_county_by_lot_is_usually_a_small_one(data, by_lot):
    share = data.estimate("shuffled_highest_small_share", ess=2000)
    assert_agrees(share, mean_of_shuffles((by_lot["homes"] <= 2).astype(float)))
    assert_exceeds(share, 0.5)


def test_radon_rises_with_uranium(data, survey, basements):
    soil = read_raw("cty.dat.gz").query("stfips == 27").drop_duplicates("ctfips")
    uranium = np.log(soil.set_index("ctfips")["Uppm"]).loc[survey["cntyfips"].unique()]
    assert data["data_log_uranium_min"] == pytest.approx(uranium.min(), abs=1e-5)
    assert data["data_log_uranium_max"] == pytest.approx(uranium.max(), abs=1e-5)
    assert uranium.min() < 0 < uranium.max()
    means = basements.groupby("cntyfips")["log_radon"].mean()
    assert data["data_uranium_correlation"] == pytest.approx(means.corr(uranium), abs=1e-4)
    assert means.corr(uranium) > 0.4


def test_action_level_is_passed_more_often_in_basements(data, survey):
    share = (survey["activity"] >= 4).groupby(survey["floor"]).mean()
    assert data["data_basement_action_share"] == pytest.approx(share[0])
    assert data["data_first_floor_action_share"] == pytest.approx(share[1])
    assert share[0] > share[1]
