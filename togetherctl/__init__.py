"""togetherctl: one configuration of profiles, one auth engine, for every Kubernetes client on a machine."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("togetherctl")
