"""
What pages on resumable.js show for Flask, served by waitress: ``flask_app.py FOLDER`` prints its
port.  Each chunk is a file, and the last one has them put together; nothing waits for the disk.
"""

import logging
import os
import shutil
import sys

from flask import Flask, request
from waitress import create_server

FOLDER = sys.argv[1]
app = Flask(__name__)
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


@app.post("/")
def receive() -> str:
    """Take a chunk."""
    count = int(request.form["resumableTotalChunks"])
    number = int(request.form["resumableChunkNumber"])
    chunks = os.path.join(FOLDER, "chunks-" + os.path.basename(request.form["resumableIdentifier"]))
    os.makedirs(chunks, exist_ok=True)
    path = os.path.join(chunks, str(number))
    request.files["file"].save(path + ".new")
    os.replace(path + ".new", path)
    paths = [os.path.join(chunks, str(each)) for each in range(1, count + 1)]
    if all(map(os.path.exists, paths)):
        whole_folder = chunks + "-whole"
        try:
            os.rename(chunks, whole_folder)
        except FileNotFoundError:
            return "stored"  # another request has found all of them
        paths = [os.path.join(whole_folder, os.path.basename(each)) for each in paths]
        name = os.path.join(FOLDER, os.path.basename(request.form["resumableFilename"]))
        with open(name, "wb") as whole:
            for each in paths:
                with open(each, "rb") as chunk:
                    shutil.copyfileobj(chunk, whole)
        shutil.rmtree(whole_folder)
    return "stored"


server = create_server(app, host="127.0.0.1", port=0, threads=16)
print(server.effective_port, flush=True)
server.run()
