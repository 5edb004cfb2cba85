from avsync.data.timeline import Timeline


def test_every_frame_has_one_state():
    line = Timeline()
    line.drop(0, 25, "no picture")
    line.drop(0, 50, "still face")  # the first second already has its reason
    line.drop(50, 75, "several faces")
    line.keep(60, 75)
    expected = {"kept": 0.6, "no face": 1.0, "no picture": 1.0, "several faces": 0.4, "still face": 1.0}
    assert line.seconds(0, 100) == expected
    again = Timeline(dropped=line.dropped)
    again.keep(60, 75)
    assert again.seconds(0, 100) == expected


def test_what_lies_outside_of_the_interval_is_left_alone():
    line = Timeline("too short")
    line.drop(-10, 15, "no sound")
    line.keep(30, 400)
    assert line.seconds(10, 35) == {"kept": 0.2, "no sound": 0.2, "too short": 0.6}
    assert line.seconds(10, 10) == {}
