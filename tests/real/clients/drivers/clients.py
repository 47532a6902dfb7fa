"""`clients.py LIBRARY COUNT SECONDS` or `clients.py LIBRARY at-once COUNT`: lists pods with one library for Python.

It prints a line for each request: the HTTP status, or what went wrong. With RENEW_SECONDS a library that can be told to
reads the credential again that often.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

KUBECONFIG = os.environ["KUBECONFIG"]


def said(error: BaseException) -> str:
    return f"error: {type(error).__name__}: {error}".replace("\n", " ")


def official() -> Callable[[], str]:
    from kubernetes import client, config

    config.load_kube_config(KUBECONFIG)
    api = client.CoreV1Api()

    def ask() -> str:
        try:
            api.list_namespaced_pod("default")
        except client.ApiException as error:
            return str(error.status)
        return "200"

    return ask


def kr8s() -> Callable[[], str]:
    import kr8s
    from kr8s.objects import Pod

    api = kr8s.api(kubeconfig=KUBECONFIG)

    def ask() -> str:
        try:
            list(api.get(Pod, namespace="default"))
        except kr8s.ServerError as error:
            return str(error.response.status_code) if error.response is not None else said(error)
        return "200"

    return ask


def lightkube() -> Callable[[], str]:
    from lightkube import ApiError, Client
    from lightkube.resources.core_v1 import Pod

    client = Client()

    def ask() -> str:
        try:
            list(client.list(Pod, namespace="default"))
        except ApiError as error:
            return str(error.status.code)
        return "200"

    return ask


def pykube() -> Callable[[], str]:
    import pykube
    from requests import HTTPError

    api = pykube.HTTPClient(pykube.KubeConfig.from_file(KUBECONFIG))

    def ask() -> str:
        try:
            list(pykube.Pod.objects(api).filter(namespace="default"))
        except HTTPError as error:
            return str(error.response.status_code if error.response is not None else error)
        except pykube.exceptions.HTTPError as error:
            return str(error.code)
        return "200"

    return ask


async def asynchronous(words: list[str]) -> None:
    from kubernetes_asyncio import client, config

    configuration = client.Configuration()
    loader = await config.load_kube_config(KUBECONFIG, client_configuration=configuration)
    tasks: list[asyncio.Task[Any]] = []
    seconds = os.environ.get("RENEW_SECONDS")
    if seconds:
        tasks.append(asyncio.create_task(config.refresh_token(loader, configuration, interval=float(seconds))))
    async with client.ApiClient(configuration) as connection:
        api = client.CoreV1Api(connection)

        async def ask() -> str:
            try:
                await api.list_namespaced_pod("default")
            except client.ApiException as error:
                return str(error.status)
            return "200"

        await send_asynchronously(words, ask)
    for task in tasks:
        task.cancel()


async def send_asynchronously(words: list[str], ask: Callable[[], Awaitable[str]]) -> None:
    if words[0] == "at-once":
        show(await asyncio.gather(*(ask() for _ in range(int(words[1])))))
        return
    for _ in range(int(words[0])):
        show([await ask()])
        await asyncio.sleep(float(words[1]))


def send(words: list[str], ask: Callable[[], str]) -> None:
    def line() -> str:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 # whatever a library raises is what its user sees
            return said(error)

    if words[0] == "at-once":
        count = int(words[1])
        with ThreadPoolExecutor(count) as threads:
            show(threads.map(lambda _: line(), range(count)))
        return
    for _ in range(int(words[0])):
        show([line()])
        time.sleep(float(words[1]))


def show(lines: Any) -> None:
    for line in lines:
        print(line, flush=True)  # noqa: T201 # what the test reads


LIBRARIES = {"kubernetes": official, "kr8s": kr8s, "lightkube": lightkube, "pykube-ng": pykube}


def main(library: str, *words: str) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    try:
        if library == "kubernetes_asyncio":
            asyncio.run(asynchronous(list(words)))
        else:
            send(list(words), LIBRARIES[library]())
    except Exception as error:  # noqa: BLE001 # as above
        show([said(error)])


if __name__ == "__main__":
    main(*sys.argv[1:])
