"""Drawn scenes of things that sound when they act: hammers, bells, dogs, doors, ...

names       what the kinds are called; needs nothing
masks       masks of what sounds, as text and back; needs numpy alone
brush       shapes on a picture and on its mask        sounds      partials, shaped noise, gliding tones
materials   a look and a sound that belong together    acting      events, and what they do to a pose
struck, falling, alive, machines    the things         kinds       what sets one kind apart from another
backdrop, passers   what is around and makes no sound  staging     all of it together, in a room, before a camera
    video       the video, with its truth
"""
