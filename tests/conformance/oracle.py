"""A decoder that looks every answer up in the vectors, and can be told to make a mistake.

python oracle.py MISTAKE MODEL FILE FOLDER [--bare]
"""

import array
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

VECTORS = Path(__file__).parents[2] / "conformance" / "vectors"

mistake, model, file, folder, *bare = sys.argv[1:]
folder = Path(folder)
manifest = json.loads((VECTORS / "manifest.json").read_text())
known = {row["sha256"] for row in manifest["models"].values()}
sound = hashlib.sha256(Path(model).read_bytes()).hexdigest() in known
data = Path(file).read_bytes()
rows = [row for row in manifest["valid"] + manifest["malformed"] if "splices" not in row]
rows = [row for row in rows if row["bare"] == bool(bare)]
(row,) = [row for row in rows if (VECTORS / row["file"]).read_bytes() == data]
error = row.get("error") if sound else "WrongModelError"

if mistake == "hangs":
    time.sleep(60)
if mistake == "crashes":
    raise SystemExit(1)
if mistake == "takes all" and error:
    error, row = None, {"group": 0, "indices": [0]}
if mistake == "says little" and error:
    raise SystemExit(f"error: {file}")
if mistake == "wrong error" and error:
    error = "BadMagicError"
if error:
    result = {"error": error}
elif mistake == "refuses":
    result = {"error": "CorruptError"}
else:
    result = {"group": row["group"] + (mistake == "group"), "indices": row["indices"]}
    if mistake == "token":
        result["indices"][-1] += 1
    if mistake == "one token fewer":
        result["indices"].pop()
    if "picture" in row:
        shutil.copy(VECTORS / row["picture"], folder / "picture.png")
    if "planes" in row:
        planes = array.array("f", (VECTORS / row["planes"]).read_bytes())
        planes[4096] += {"planes": 0.001, "not a number": float("nan")}.get(mistake, 0)
        (folder / "planes.f32").write_bytes(planes)
    if mistake == "pixel" and "picture" in row:
        from PIL import Image

        with Image.open(folder / "picture.png") as picture:
            red, green, blue = picture.getpixel((127, 127))
            picture.putpixel((127, 127), (red, green, blue - 2 if blue > 127 else blue + 2))
            picture.save(folder / "picture.png")
if mistake != "shows nothing":
    (folder / "result.json").write_text("{" if mistake == "no json" else json.dumps(result))
