"""Trainings that are stopped from outside."""

import pytorch_lightning as pl


class Killed(Exception):
    """As a job that has run out of time."""


class KillAt(pl.Callback):
    def __init__(self, epoch: int):
        self.epoch = epoch

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            raise Killed
