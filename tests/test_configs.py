"""Every YAML is composed and everything it names is built."""

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import OmegaConf

ROOT = Path(__file__).parent.parent
CONFIGS = ROOT / "configs"
GROUPS = (
    "model",
    "model/objective",
    "model/optimizer",
    "data",
    "data/augment",
    "trainer",
    "callbacks",
    "logger",
    "evaluation",
)
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((CONFIGS / group).glob("*.yaml"))]
PRESETS = [
    (group, path.stem)
    for group in ("experiment", "sweep", "debug")
    for path in sorted((CONFIGS / group).glob("*.yaml"))
]
SHARDS = ["data.train=a", "data.val=b", "data.test=c"]


def composed(*overrides: str, run: Path):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose(
            "train", [*overrides, f"hydra.runtime.output_dir={run}", "hydra.job.num=0"], return_hydra_config=True
        )
        HydraConfig.instance().set_config(cfg)
        return OmegaConf.create(OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False))


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_is_built(group, choice, tmp_path):
    overrides = [f"{group}={choice}"] + (SHARDS if group == "data" and choice in ("shards", "scenes") else [])
    cfg = composed(*overrides, run=tmp_path)
    built = cfg[group.split("/")[0]]
    if choice == "gpu":
        built.accelerator = "cpu"  # the tests' machine need not have one
    if group == "trainer":
        built.logger = False
    if "_target_" in built:
        assert instantiate(built) is not None
    else:
        assert built and all(instantiate(built).values())


@pytest.mark.parametrize(("group", "choice"), PRESETS)
def test_every_preset_composes(group, choice, tmp_path):
    cfg = composed(f"{group}={choice}", *SHARDS, run=tmp_path)
    assert instantiate(cfg.model) is not None and instantiate(cfg.data) is not None


@pytest.mark.parametrize(("model", "clips"), [("cav_mae", 64), ("cav_mae_sync", 96)])
def test_models_of_scenes_bring_their_data_evaluation_and_length(model, clips, tmp_path):
    cfg = composed(f"model={model}", run=tmp_path)
    plain = composed(run=tmp_path)
    assert cfg.data.make._target_.endswith("make_synthetic_events") and cfg.data.batch_size == clips
    assert cfg.data.before == cfg.model.net.video_features.before == 2
    assert cfg.evaluation._target_ == "avsync.evaluation.scenes.ScenesEvaluation"
    assert cfg.trainer.max_epochs != plain.trainer.max_epochs
    assert cfg.callbacks.checkpoint.monitor == "val/retrieval_r1" and cfg.metric == "test/retrieval/video_to_audio/r1"
    assert plain.callbacks.checkpoint.monitor == "val/offset_acc_k5" and plain.metric == "test/offset_acc/k5"


def test_the_command_line_chooses_over_what_a_model_brings(tmp_path):
    chosen = ["data=shards", "evaluation=offset", "trainer=cpu", "trainer.max_epochs=3"]
    cfg = composed("model=cav_mae_sync", *chosen, *SHARDS, run=tmp_path)
    assert cfg.data._target_.endswith("ClipsDataModule") and cfg.data.train == "a"
    assert cfg.evaluation._target_.endswith("OffsetEvaluation")
    assert cfg.trainer.accelerator == "cpu" and cfg.trainer.max_epochs == 3
    assert composed("model=cav_mae_sync", "data=scenes", *SHARDS, run=tmp_path).data.size == 96


def test_an_experiment_chooses_over_what_a_model_brings(tmp_path):
    cfg = composed("experiment=cav_mae_sync_vggsound", *SHARDS, run=tmp_path)
    assert cfg.trainer.max_epochs == 25 and cfg.trainer.strategy == "ddp" and cfg.data.size == 224
    assert cfg.model.optimizer._target_ == "torch.optim.Adam" and cfg.model.net.size.width == 768
    assert "stem" not in cfg.model.net.size and not cfg.model.net.standardized and cfg.model.temperature == 0.05
    assert cfg.model.net.audio_features.mels == 128 and not cfg.model.global_local
    assert cfg.data.before == cfg.model.net.video_features.before == 0  # the paper's networks see no change


def test_the_labels_of_the_drawn_events_are_those_drawn(tmp_path):
    from avsync.synthetic.events.names import KINDS

    assert composed("model=cav_mae_sync", run=tmp_path).data.labels == list(KINDS)


def test_presets_exist():
    assert {group for group, _ in PRESETS} == {"experiment", "sweep", "debug"}


def test_the_cluster_launcher_composes(tmp_path):
    cfg = composed("hydra/launcher=slurm", "trainer.devices=4", run=tmp_path)
    assert cfg.hydra.launcher.tasks_per_node == cfg.hydra.launcher.gpus_per_node == 4
    assert cfg.hydra.launcher._target_ == "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"


@pytest.mark.parametrize("experiment", ["cav_mae_sync_vggsound", "cav_mae_sync_audioset"])
def test_a_job_of_days_gets_what_its_experiment_needs_and_goes_on(experiment, tmp_path):
    cfg = composed("hydra/launcher=slurm_days", f"experiment={experiment}", "trainer.devices=4", *SHARDS, run=tmp_path)
    job, data = cfg.hydra.launcher, cfg.data
    assert job.tasks_per_node == job.gpus_per_node == 4 and job.cpus_per_task > data.workers
    sample = 3 * data.size**2 + 4 * 16_000 * data.seconds
    ahead = data.shuffle + 3 * data.batch_size  # a batch is made while two wait
    assert 8 * data.workers * (ahead * sample + 0.5e9) < 0.5e9 * job.mem_gb  # half is left for eight networks
    # ended at the limit it is queued again, and begins with what is in its folder
    assert job.timeout_min >= 1440 and job.max_num_timeout >= 10 and cfg.checkpoint == "last"
    assert composed("hydra/launcher=slurm", run=tmp_path).checkpoint is None


def test_experiments_have_training_clips_for_the_probe_of_each_kind(tmp_path):
    for experiment, kinds in (("cav_mae_sync_vggsound", 309), ("cav_mae_sync_audioset", 527)):
        cfg = composed(f"experiment={experiment}", *SHARDS, run=tmp_path)
        assert cfg.evaluation.train_clips >= 30 * kinds


def test_gradients_of_several_batches_make_a_step_by_a_value(tmp_path):
    assert composed(run=tmp_path).trainer.accumulate_grad_batches == 1
    cfg = composed("trainer.accumulate_grad_batches=4", "trainer=cpu", run=tmp_path)
    cfg.trainer.logger = False
    assert instantiate(cfg.trainer).accumulate_grad_batches == 4


def test_defect_11_nothing_of_a_machine_is_fixed(tmp_path):
    """The released code has paths, devices and 32 workers in it."""
    for experiment in ("cav_mae_sync_vggsound", "cav_mae_sync_audioset"):
        chosen = ["trainer.devices=2", "trainer.num_nodes=3", "data.workers=5", f"paths.data={tmp_path}"]
        cfg = composed(f"experiment={experiment}", *SHARDS, *chosen, run=tmp_path)
        assert (cfg.trainer.devices, cfg.trainer.num_nodes, cfg.data.workers) == (2, 3, 5)
    fixed = re.compile(r"(?<![\w$}.])/(home|mnt|scratch|work|tmp)/")
    for path in [*CONFIGS.rglob("*.yaml"), *(ROOT / "src").rglob("*.py"), ROOT / "train.py"]:
        assert not fixed.search(path.read_text()), path


def test_a_slip_of_the_pen_is_refused(tmp_path):
    with pytest.raises(Exception, match="Could not override"):
        composed("model.net.video_tower.embeding=3", run=tmp_path)


def test_targets_stay_under_few_roots():
    """Hydra plans an allow-list of targets; ours is short."""
    targets = {
        line.split(":", 1)[1].strip().split(".")[0]
        for path in CONFIGS.rglob("*.yaml")
        for line in path.read_text().splitlines()
        if "_target_:" in line
    }
    assert targets == {"avsync", "torch", "pytorch_lightning"}
