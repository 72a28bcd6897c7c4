from dataclasses import replace

import numpy as np

from export.synthetic.body import BONES, Pose, draw_pose, posed_joints
from export.synthetic.surface import PLACE_UNITS, skin

SIZE = (480, 360)
STILL = Pose(limbs={}, bend=0.0, yaw=0.0, pitch=0.0, roll=0.0, scale=1.0, centre=(248.0, 185.0), nearness=0.0)
NEAR = [bone for bone in BONES if not bone.far]


def covered(pose):
    return skin(NEAR, posed_joints(pose), SIZE, pose.pitch)


def test_at_rest_the_middle_of_the_flank_shows_the_middle_of_the_coat():
    surface = covered(STILL)
    assert surface.cover[175, 250] == 256
    assert abs(surface.place_x[175, 250] / PLACE_UNITS - 250) < 3
    assert abs(surface.place_y[175, 250] / PLACE_UNITS - 175) < 6
    assert surface.cover[5, 300] == 0


def test_the_coat_moves_with_the_body():
    moved = covered(replace(STILL, centre=(268.0, 195.0)))
    still = covered(STILL)
    assert np.array_equal(moved.place_x[60:300, 120:400], still.place_x[50:290, 100:380])


def test_a_turn_to_the_camera_foreshortens_the_body():
    def length(pose):
        return np.ptp(np.nonzero(covered(pose).cover[170] > 128)[0])

    assert length(replace(STILL, yaw=0.6)) < 0.95 * length(STILL)


def test_looking_down_shows_more_of_the_back():
    level, down = covered(STILL), covered(replace(STILL, pitch=0.3))
    assert down.place_y[165, 250] < level.place_y[165, 250]


def test_every_pose_keeps_the_animal_in_the_picture():
    for seed in range(20):
        pose = draw_pose(np.random.default_rng(seed), SIZE)
        share = (covered(pose).cover > 128).mean()
        assert 0.15 < share < 0.6
