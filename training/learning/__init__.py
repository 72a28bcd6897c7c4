"""What learns: a head over frozen backbones, or a whole network."""
