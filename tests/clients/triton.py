"""Asks a server with tritonclient, which nobody here wrote; run by an interpreter that has it.

    python tests/clients/triton.py ADDRESS IMAGES.npy ANSWERS.npy

Saves the probabilities for the images, one call each from several threads, and prints what else it saw as JSON.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException


def main(address: str, images_file: str, answers_file: str) -> None:
    client = triton.InferenceServerClient(address)
    images = np.load(images_file)

    def infer(rows: "np.typing.NDArray[np.float32]") -> "np.typing.NDArray[np.float32]":
        image = triton.InferInput("image", rows.shape, "FP32")
        image.set_data_from_numpy(rows)
        answer = client.infer("digits", [image], outputs=[triton.InferRequestedOutput("probabilities")], request_id="7", client_timeout=30)
        assert answer.get_response().id == "7"
        return np.asarray(answer.as_numpy("probabilities"))

    with ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(infer, np.split(images, len(images))))
    np.save(answers_file, np.concatenate(answers))
    seen = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready("digits", "1"),
        "server": client.get_server_metadata(as_json=True)["name"],
        "metadata": client.get_model_metadata("digits", as_json=True),
        "config": client.get_model_config("digits", as_json=True)["config"],
        "answered": client.get_inference_statistics("digits", as_json=True)["model_stats"][0]["inference_stats"]["success"]["count"],
        "index": client.get_model_repository_index(as_json=True)["models"],
    }
    try:
        infer(images[:1, :7])
    except InferenceServerException as error:
        seen["wrong shape"] = [error.status(), error.message()]
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
