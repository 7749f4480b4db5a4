// The convolutional network itself: its operations carried out here, on a test image, a photo or a drawing.
function makeNetwork(data) {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const whole = new Int8Array(bytes(data.whole).buffer), fine = new Float32Array(bytes(data.fine).buffer);
  const area = (shape) => shape.reduce((product, side) => product * side, 1);
  const steps = data.operations.map((operation) => {
    if (!operation.kernel) return operation;
    const n = area(operation.kernel), outputs = operation.kernel.at(-1), weights = new Float32Array(n);
    for (let i = 0; i < n; i++) weights[i] = whole[operation.weights + i] * fine[operation.scale + i % outputs];
    return { ...operation, values: weights };
  });

  function convolve(x, [height, width, inputs], { kernel: [side, , , outputs], values }, out) {
    const before = (side - 1) >> 1;
    for (let y = 0; y < height; y++) for (let at = 0; at < width; at++) {
      const place = (y * width + at) * outputs;
      for (let ky = 0; ky < side; ky++) for (let kx = 0; kx < side; kx++) {
        const row = y + ky - before, column = at + kx - before;
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        for (let i = 0; i < inputs; i++) {
          const value = x[(row * width + column) * inputs + i];
          if (value === 0) continue; // as after most activations
          const first = ((ky * side + kx) * inputs + i) * outputs;
          for (let o = 0; o < outputs; o++) out[place + o] += value * values[first + o];
        }
      }
    }
  }

  function pool(x, [, width, channels], [rows, columns], most, out) {
    for (let y = 0; y < rows; y++) for (let at = 0; at < columns; at++) for (let c = 0; c < channels; c++) {
      const four = [0, 1, width, width + 1].map((step) => x[((2 * y) * width + 2 * at + step) * channels + c]);
      out[(y * columns + at) * channels + c] = most ? Math.max(...four) : (four[0] + four[1] + four[2] + four[3]) / 4;
    }
  }

  // Carry out all operations on pixels from 0 to 255, row by row; returns the output of each.
  function run(pixels) {
    const outputs = [];
    for (const step of steps) {
      const [x, other] = step.inputs.map((number) => outputs[number]);
      const shape = step.inputs.length ? steps[step.inputs[0]].shape : step.shape, channels = step.shape.at(-1);
      let out = new Float32Array(area(step.shape));
      if (step.op === "input") out = pixels;
      else if (step.op === "multiply") out = x.map((value) => value * step.by);
      else if (step.op === "relu") out = x.map((value) => (value > 0 ? value : 0));
      else if (step.op === "add") out = x.map((value, i) => value + other[i]);
      else if (step.op === "flatten") out = x;
      else if (step.op === "normalise") out = x.map((value, i) => value * fine[step.scale + i % channels] + fine[step.shift + i % channels]);
      else if (step.op === "convolve") convolve(x, shape, step, out);
      else if (step.op === "dense") convolve(x, [1, 1, x.length], { ...step, kernel: [1, 1, x.length, channels] }, out);
      else if (step.op === "mean") x.forEach((value, i) => { out[i % channels] += value / (shape[0] * shape[1]); });
      else pool(x, shape, step.shape, step.op === "pool_max", out);
      if ("bias" in step) out = out.map((value, i) => value + fine[step.bias + i % channels]);
      outputs.push(out);
    }
    return outputs;
  }

  function probabilitiesOf(logits) {
    const most = Math.max(...logits), powers = Array.from(logits, (value) => Math.exp(value - most));
    const sum = powers.reduce((total, value) => total + value, 0);
    return powers.map((value) => value / sum);
  }

  const [height, width] = steps[0].shape;
  function mirrored(pixels) {
    return pixels.map((_, i) => pixels[i - i % width + width - 1 - i % width]);
  }

  // The answer is the mean over the image and, where the network was trained so, its mirror image.
  function ask(pixels) {
    const outputs = run(pixels), views = [probabilitiesOf(outputs.at(-1))];
    if (data.mirror) views.push(probabilitiesOf(run(mirrored(pixels)).at(-1)));
    return { outputs, probabilities: views[0].map((_, k) => views.reduce((sum, view) => sum + view[k], 0) / views.length) };
  }

  // Where the maps that are averaged before the last layer speak for a class, as high and wide as these maps.
  function evidence(outputs, k) {
    const dense = steps.at(-1), mean = steps[dense.inputs[0]];
    if (mean.op !== "mean") return null;
    const maps = outputs[mean.inputs[0]], [rows, columns, channels] = steps[mean.inputs[0]].shape, classes = dense.shape[0];
    const found = new Float32Array(rows * columns);
    maps.forEach((value, i) => { found[Math.floor(i / channels)] += value * dense.values[(i % channels) * classes + k]; });
    return { values: found, rows, columns };
  }
  return { ask, evidence, steps, height, width };
}

function tryNetwork(root, data, classes, words) {
  const network = makeNetwork(data), { height, width } = network;
  root.ask = (pixels) => network.ask(Float32Array.from(pixels)).probabilities; // for tests and the curious
  const pad = root.querySelector("canvas.pad"), says = root.querySelector(".says"), maps = root.querySelector(".maps");
  const lang = document.documentElement.lang, number = new Intl.NumberFormat(lang, { maximumFractionDigits: 1 });
  const percent = (share) => words.percent.replace("{number}", number.format(100 * share));
  let pixels = new Float32Array(height * width), waiting = 0;
  pad.width = width;
  pad.height = height;

  // A image of values from 0 to 1, each in its own pixel.
  function paint(canvas, values, rows, columns, colour) {
    canvas.width = columns;
    canvas.height = rows;
    const image = new ImageData(columns, rows);
    values.forEach((value, i) => image.data.set(colour(value), 4 * i));
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }
  const grey = (value) => [255 * value, 255 * value, 255 * value, 255];
  const stretch = (values) => {
    const low = Math.min(...values), range = Math.max(...values) - low || 1;
    return Array.from(values, (value) => (value - low) / range);
  };

  function show() {
    paint(pad, pixels.map((value) => value / 255), height, width, grey);
    const { outputs, probabilities } = network.ask(pixels);
    const order = probabilities.map((_, k) => k).sort((a, b) => probabilities[b] - probabilities[a]);
    says.replaceChildren(...order.slice(0, 5).map((k) => {
      const row = document.createElement("div"), [name, track, bar, value] = ["span", "span", "span", "span"].map((tag) => document.createElement(tag));
      [row.className, name.className, track.className, bar.className, value.className] = ["share", "name", "track", "bar", "value"];
      name.textContent = classes[k];
      value.textContent = percent(probabilities[k]);
      bar.style.cssText = `width: ${100 * probabilities[k]}%; background: var(--cnn)`;
      track.append(bar);
      row.append(name, track, value);
      return row;
    }));
    maps.replaceChildren();
    root.querySelector(".best").textContent = pixels.some((value) => value > 0)
      ? `${classes[order[0]]}: ${percent(probabilities[order[0]])}` : words.blank;
    const where = network.evidence(outputs, order[0]);
    if (where) addRow(words.evidence.replace("{class}", classes[order[0]]), [paint(document.createElement("canvas"),
      stretch(where.values), where.rows, where.columns, (value) => [230, 90, 0, 255 * value])], "evidence");
    network.steps.forEach((step, number) => {
      if (!step.shown) return;
      const [rows, columns, channels] = step.shape, sums = new Float32Array(channels);
      outputs[number].forEach((value, i) => { sums[i % channels] += value; });
      const strongest = [...sums.keys()].sort((a, b) => sums[b] - sums[a]).slice(0, 8);
      addRow(words.maps.replace("{rows}", rows).replace("{columns}", columns).replace("{n}", channels), strongest.map((channel) => {
        const values = Array.from({ length: rows * columns }, (_, i) => outputs[number][i * channels + channel]);
        return paint(document.createElement("canvas"), stretch(values), rows, columns, grey);
      }), "");
    });
  }
  function addRow(text, canvases, kind) {
    const row = document.createElement("figure"), caption = document.createElement("figcaption");
    row.className = `row ${kind}`;
    caption.textContent = text;
    canvases.forEach((canvas) => canvas.setAttribute("aria-hidden", "true"));
    row.append(caption, ...canvases);
    maps.append(row);
  }
  function change(next, wait = 30) {
    pixels = next;
    paint(pad, pixels.map((value) => value / 255), height, width, grey);
    clearTimeout(waiting);
    waiting = setTimeout(show, wait);
  }

  // Drawing is with a soft point, covering with a square of a fifth of the side.
  let last = null;
  function touch(event) {
    const box = pad.getBoundingClientRect();
    const to = [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * height];
    const covers = root.querySelector("input[name=tool]:checked").value === "cover", reach = covers ? width / 10 : width / 18;
    const steps = last ? Math.ceil(Math.hypot(to[0] - last[0], to[1] - last[1])) : 0; // a fast stroke stays a line
    const points = Array.from({ length: steps + 1 }, (_, k) => to.map((end, axis) => (steps ? last[axis] + (end - last[axis]) * k / steps : end)));
    last = to;
    change(pixels.map((value, i) => points.reduce((found, [x, y]) => {
      const [dx, dy] = [Math.abs(i % width + 0.5 - x), Math.abs(Math.floor(i / width) + 0.5 - y)];
      if (covers) return dx <= reach && dy <= reach ? 0 : found;
      return Math.max(found, 255 * Math.min(1, Math.max(0, reach + 0.7 - Math.hypot(dx, dy))));
    }, value)), 250);
  }
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return; // a second finger draws nothing
    pad.setPointerCapture(event.pointerId);
    last = null;
    touch(event);
  });
  pad.addEventListener("pointermove", (event) => { if (last && event.isPrimary) touch(event); });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    pad.addEventListener(end, (event) => {
      if (!event.isPrimary) return;
      if (last) change(pixels);
      last = null;
    });
  }

  function shift(right, down) {
    change(pixels.map((_, i) => {
      const column = i % width - right, row = Math.floor(i / width) - down;
      return column < 0 || column >= width || row < 0 || row >= height ? 0 : pixels[row * width + column];
    }));
  }
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  pad.addEventListener("keydown", (event) => {
    if (!(moves[event.key] || event.key === " ") || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (moves[event.key]) { shift(...moves[event.key]); return; }
    const box = pad.getBoundingClientRect(); // the image is moved until what is meant lies in the middle
    last = null;
    touch({ clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 });
    last = null;
  });
  for (const button of root.querySelectorAll("button[data-move]")) {
    button.addEventListener("click", () => shift(...moves[button.dataset.move]));
  }
  root.querySelector("button.clear").addEventListener("click", () => { wanted++; change(new Float32Array(height * width)); });

  // A photo becomes what Fashion-MNIST's own pipeline makes of one: grey, on a dark ground, trimmed, its longest side
  // as long as the frame, in the middle of it.
  let wanted = 0;
  async function take(file) {
    const own = ++wanted, bitmap = await createImageBitmap(file).catch(() => null);
    if (own !== wanted) return; // something else was asked for meanwhile
    if (!bitmap) {
      change(new Float32Array(height * width));
      setTimeout(() => { root.querySelector(".best").textContent = words.unreadable; }, 300);
      return;
    }
    const most = 512, scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
    const [w, h] = [Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale))];
    const sheet = Object.assign(document.createElement("canvas"), { width: w, height: h }), pen = sheet.getContext("2d");
    pen.drawImage(bitmap, 0, 0, w, h);
    const seen = pen.getImageData(0, 0, w, h).data; // what is transparent becomes the opposite of what is not
    let [light, opaque] = [0, 0];
    for (let at = 0; at < seen.length; at += 4) {
      light += seen[at + 3] * (0.299 * seen[at] + 0.587 * seen[at + 1] + 0.114 * seen[at + 2]);
      opaque += seen[at + 3];
    }
    pen.globalCompositeOperation = "destination-over";
    pen.fillStyle = light > 127 * opaque ? "black" : "white";
    pen.fillRect(0, 0, w, h);
    const colours = pen.getImageData(0, 0, w, h).data;
    let shades = Array.from({ length: w * h }, (_, i) => 0.299 * colours[4 * i] + 0.587 * colours[4 * i + 1] + 0.114 * colours[4 * i + 2]);
    const edge = shades.filter((_, i) => i % w === 0 || i % w === w - 1 || i < w || i >= w * (h - 1)).sort((a, b) => a - b);
    const ground = edge[edge.length >> 1];
    if (ground > 127) shades = shades.map((value) => 255 - value);
    const floor = Math.min(ground, 255 - ground);
    shades = shades.map((value) => Math.max(0, value - floor - 8) * 255 / Math.max(1, 247 - floor));
    const inside = shades.map((value, i) => (value > 16 ? i : -1)).filter((i) => i >= 0);
    if (!inside.length) { change(new Float32Array(height * width)); return; }
    const columns = inside.map((i) => i % w), rows = inside.map((i) => Math.floor(i / w));
    const reduce = (values, better) => values.reduce((a, b) => (better(a, b) ? a : b));
    const [left, right] = [reduce(columns, (a, b) => a < b), reduce(columns, (a, b) => a > b)];
    const [top, bottom] = [reduce(rows, (a, b) => a < b), reduce(rows, (a, b) => a > b)];
    const step = Math.max((right - left + 1) / width, (bottom - top + 1) / height);
    const [shiftX, shiftY] = [(left + right + 1) / 2 - width * step / 2, (top + bottom + 1) / 2 - height * step / 2];
    change(new Float32Array(height * width).map((_, i) => { // the mean of all that falls into a pixel
      const [x0, y0] = [shiftX + (i % width) * step, shiftY + Math.floor(i / width) * step];
      let sum = 0, n = 0;
      for (let y = Math.floor(y0); y < Math.max(Math.floor(y0) + 1, Math.floor(y0 + step)); y++) {
        for (let x = Math.floor(x0); x < Math.max(Math.floor(x0) + 1, Math.floor(x0 + step)); x++) {
          sum += x >= 0 && x < w && y >= 0 && y < h ? shades[y * w + x] : 0;
          n++;
        }
      }
      return sum / n;
    }));
  }
  const field = root.querySelector("input[type=file]");
  field.addEventListener("change", () => {
    if (field.files[0]) take(field.files[0]);
    field.value = ""; // so that the same file can be opened again
  });
  addEventListener("dragover", (event) => event.preventDefault()); // a file that is dropped beside leaves the page as it is
  addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });

  root.hidden = false;
  return (values) => { wanted++; change(Float32Array.from(values)); };
}
