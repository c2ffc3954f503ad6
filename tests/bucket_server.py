"""Run a real S3 over HTTP for tests, moto's server from the package index, with an empty bucket."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import s3fs
from sail_server import wait_for

BUCKET, SECRET = "lake", "secret-of-the-bucket"
KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": SECRET, "region_name": "us-east-1"}


@dataclass(frozen=True)
class BucketServer:
    endpoint: str
    lake = f"s3://{BUCKET}/account"

    @property
    def environment(self) -> dict[str, str]:
        """What dlt, and beside it an engine, is told."""
        told = {**KEYS, "endpoint_url": self.endpoint}
        of_dlt = {f"DESTINATION__FILESYSTEM__CREDENTIALS__{name}".upper(): value for name, value in told.items()}
        of_engine = {name.upper(): value for name, value in KEYS.items()} | {"AWS_REGION": KEYS["region_name"]}
        return {
            "DESTINATION__FILESYSTEM__BUCKET_URL": self.lake,
            **of_dlt,
            **of_engine,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
        }

    @property
    def system(self) -> s3fs.S3FileSystem:
        """As anyone reads it; nothing is remembered from one look to the next."""
        return s3fs.S3FileSystem(key="key", secret=SECRET, endpoint_url=self.endpoint, use_listings_cache=False)


@contextmanager
def running(folder: Path) -> Iterator[BucketServer]:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    program = str(Path(sys.executable).with_name("moto_server"))
    with (folder / "bucket.log").open("w") as log:
        process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        wait_for(port, process)
        server = BucketServer(f"http://127.0.0.1:{port}")
        server.system.mkdir(BUCKET)
        yield server
    finally:
        process.kill()
        process.wait()
