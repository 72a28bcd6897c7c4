"""The generator is frozen: figures measured on synthetic animals only compare while these pixels stay what they are.

All arithmetic behind them is integer, or elementwise IEEE float32 without transcendental functions, so they do not depend on
the machine. If a change is meant, raise GENERATOR_VERSION, renew the digests, and measure again whatever used the old animals.
"""

import hashlib

import pytest

from export.synthetic import GENERATOR_VERSION
from export.synthetic.dataset import photos_of
from export.synthetic.plan import Study
from export.synthetic.species import SPECIES

STUDY = Study(individuals=1, strangers=0, encounters_per_individual=3, photos_per_encounter=(2, 2), seed=20)
FROZEN = {
    "spots": "a48bae70bb39acab72dec6429c729300aa99912e8cdf4075280dd4cb7a496e2f",
    "stripes": "24d6fd991f6ce929b3573e1b007e230a7f39df3a6f727b712894ea0707573b8b",
    "blotches": "9cfea5477881c236b069064c6cab39110efe40f3faac0259cf31fdd142a86341",
}


@pytest.mark.parametrize("kind", FROZEN)
def test_raw_pixels_are_those_of_this_version(kind):
    digest = hashlib.sha256()
    for photo in photos_of(STUDY, SPECIES[kind]):
        digest.update(photo.pixels.tobytes())
    assert (GENERATOR_VERSION, digest.hexdigest()) == ("2", FROZEN[kind])
