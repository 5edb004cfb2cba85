"""A log that a training goes on with: Lightning's deletes what it finds in its folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter
from pytorch_lightning.loggers.logger import rank_zero_experiment

from avsync.media.atomic import whole_file


class Rows(ExperimentWriter):
    """Writes metrics.csv behind the rows that are there, but for those of steps that are done again."""

    begun = False

    def log_metrics(self, metrics_dict: dict[str, float], step: int | None = None) -> None:
        """Hold a row until they are saved."""
        if not self.begun:
            self._go_on(step or 0)
        super().log_metrics(metrics_dict, step)

    def _go_on(self, step: int) -> None:
        """Leave out what was logged from ``step`` on, by a training that was stopped after its checkpoint."""
        self.begun, path = True, Path(self.metrics_file_path)
        if not path.is_file():
            return
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            rows = [row for row in reader if (row["step"] or "").isdigit() and int(row["step"]) < step]
            self.metrics_keys = list(reader.fieldnames or [])
        with whole_file(path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.metrics_keys)
            writer.writeheader()
            writer.writerows(rows)

    def _check_log_dir_exists(self) -> None:
        """Lightning's deletes the file here."""


class Log(CSVLogger):
    """Lightning's, with :class:`Rows`."""

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """What writes the file."""
        if self._experiment is None:
            self._experiment = Rows(self.log_dir)
        return self._experiment
