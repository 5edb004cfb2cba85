"""What things are called; a file of its own, since training needs the names and nothing that draws."""

KINDS = (
    "hammer",
    "bell",
    "ball",
    "drum",
    "door",
    "siren",
    "engine",
    "string",
    "clap",
    "glass",
    "bird",
    "footsteps",
    "clock",
    "drops",
    "dog",
    "saw",
)
"""Every kind of thing that is drawn and heard, in the order of the classes of a classifier."""
