"""Preprocessing: what turns raw data into the numbers of a network; what acts in training only gives back its inputs."""
