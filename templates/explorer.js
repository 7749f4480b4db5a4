// Every single answer: a confusion matrix of buttons, the images behind a cell, and what each network says of one.
function explore(root, data, give) {
  const { words, classes, models } = data;
  const n = data.n, m = models.length, c = classes.length;
  const array = (text, Type) => new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const index = array(data.index, Int32Array), label = array(data.label, Uint16Array);
  const predicted = array(data.predicted, Uint16Array), probabilities = array(data.probabilities, Uint8Array);
  const neighbour = array(data.neighbour_labels, Uint16Array), rms = array(data.rms, Float32Array);
  const number = new Intl.NumberFormat(data.lang, { maximumFractionDigits: 1 });
  const say = (word, values) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const percent = (share) => say("percent", { number: Math.round(100 * share) });
  const guess = (i, net) => predicted[i * m + net];
  const sure = (i, net) => probabilities[(i * m + net) * c + guess(i, net)] / 255;
  const isWrong = (i, net) => guess(i, net) !== label[i];
  const singles = models.map((model, net) => net).filter((net) => models[net].name !== "ensemble");
  const page = 120; // images that are shown before more are asked for

  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  // A image of a sprite; the style sheet knows the sprites, so that none stands twice in the page.
  const rules = make("style");
  document.head.append(rules);
  for (const name of ["images", "neighbours"]) {
    rules.sheet.insertRule(`.of-${name} { background-image: url(${data[name]}); }`);
  }
  function image(sprite, i, scale) {
    const [x, y] = [i % data.columns, Math.floor(i / data.columns)];
    const [width, height] = [data.width * scale, data.height * scale];
    const element = make("span", { className: `image of-${sprite}` });
    element.style.cssText = `width: ${width}px; height: ${height}px; background-size: ${data.columns * width}px auto; `
      + `background-position: ${-x * width}px ${-y * height}px`;
    return element;
  }
  const small = Math.max(1, Math.round(56 / data.width)), large = Math.max(1, Math.round(140 / data.width));

  // What is shown: a network, a true and a predicted class, filters, an order and an image; it stands in the address.
  const start = { net: "cnn", true: "", pred: "", both: "", filter: "wrong", sort: "unsure", img: "" };
  let state = { ...start }, limit = page;
  const known = {
    net: (value) => models.some((model) => model.name === value),
    true: (value) => value === "" || (/^\d+$/.test(value) && +value < c),
    pred: (value) => value === "" || (/^\d+$/.test(value) && +value < c),
    both: () => true,
    filter: (value) => ["kept", "wrong", "all", "only"].includes(value),
    sort: (value) => ["unsure", "sure"].includes(value),
    img: (value) => value === "" || index.includes(+value),
  };
  function read() {
    const found = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    return Object.fromEntries(Object.keys(start).map((name) =>
      [name, name in found && known[name](found[name]) ? found[name] : start[name]]));
  }
  const isOurs = () => /^#(.*&)?net=/.test(location.hash);
  function go(changes, add = true) {
    state = { ...state, ...changes };
    if (Object.keys(changes).some((name) => name !== "img")) limit = page;
    const kept = Object.entries(state).filter(([name, value]) => value !== "" && (name === "net" || value !== start[name]));
    const hash = "#" + new URLSearchParams(kept);
    try {
      if (hash !== location.hash) history[add ? "pushState" : "replaceState"](null, "", hash);
    } catch { /* a frame without an address of its own, such as a preview, has no history */ }
    draw();
  }
  const net = () => Math.max(0, models.findIndex((model) => model.name === state.net));

  function fits(i) {
    const own = net(), t = state.true, p = state.pred;
    const there = (t === "" || label[i] === +t) && (p === "" || guess(i, own) === +p);
    const back = state.both !== "" && label[i] === +p && guess(i, own) === +t;
    if (!there && !back) return false;
    if (state.filter === "wrong") return isWrong(i, own);
    if (state.filter === "all") return singles.every((other) => isWrong(i, other));
    if (state.filter === "only") return !isWrong(i, own) && singles.every((other) => other === own || isWrong(i, other));
    return true;
  }

  function choice(name, options) {
    const select = root.querySelector(`select[name=${name}]`);
    if (options) select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    const narrows = name !== "net" && name !== "sort"; // the others keep the image that is open
    const cleared = !narrows ? {} : name === "filter" ? { img: "" } : { both: "", img: "" };
    select.addEventListener("change", () => go({ [name]: select.value, ...cleared }, false));
    return select;
  }
  const every = [["", words.any], ...classes.map((name, i) => [String(i), name])];
  const selects = {
    net: choice("net", models.map((model) => [model.name, model.label])),
    true: choice("true", every), pred: choice("pred", every), filter: choice("filter"), sort: choice("sort"),
  };
  root.querySelector("button.reset").addEventListener("click", () => go({ ...start, net: state.net }));

  function drawMatrix() {
    const own = models[net()], counts = own.confusion;
    const head = make("tr", {}, make("td"), ...classes.map((name) => make("th", { scope: "col" }, make("span", {}, name))));
    const body = counts.map((row, t) => {
      const total = Math.max(1, row.reduce((sum, count) => sum + count, 0));
      const cells = row.map((count, p) => {
        const button = make("button", { type: "button", tabIndex: -1 }, String(count));
        button.setAttribute("aria-label", say("cell", { true: classes[t], pred: classes[p], n: count }));
        const chosen = state.true === String(t) && state.pred === String(p);
        button.setAttribute("aria-pressed", chosen || (state.both !== "" && state.true === String(p) && state.pred === String(t)));
        button.style.setProperty("--share", `${Math.round(60 * Math.sqrt(count / total))}%`);
        const there = chosen && !state.both ? { true: "", pred: "" } : { true: String(t), pred: String(p) };
        button.addEventListener("click", () => go({ ...there, both: "", filter: "kept", img: "" }));
        return make("td", {}, button);
      });
      return make("tr", {}, make("th", { scope: "row" }, classes[t]), ...cells);
    });
    const table = root.querySelector(".matrix");
    const focused = table.contains(document.activeElement) ? [state.true, state.pred] : null;
    table.replaceChildren(make("caption", {}, say("matrix", { network: own.label })),
      make("thead", {}, head), make("tbody", {}, ...body));
    const buttons = [...table.querySelectorAll("button")];
    const current = buttons.find((button) => button.getAttribute("aria-pressed") === "true") ?? buttons[0];
    current.tabIndex = 0;
    if (focused) current.focus();
    move(table, buttons, () => c);
  }

  // Arrow keys move among buttons in rows of so many; one of them is reached by the tabulator.
  function move(parent, buttons, inRow) {
    parent.onkeydown = (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const at = buttons.indexOf(document.activeElement);
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: inRow(), ArrowUp: -inRow() }[event.key];
      const to = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : step === undefined ? -1 : at + step;
      if (at < 0 || !buttons[to]) return;
      event.preventDefault();
      buttons[at].tabIndex = -1;
      buttons[to].tabIndex = 0;
      buttons[to].focus();
    };
  }

  function drawTiles() {
    const own = net();
    const found = [...Array(n).keys()].filter(fits).sort((a, b) => (sure(a, own) - sure(b, own)) * (state.sort === "sure" ? -1 : 1));
    const buttons = found.slice(0, limit).map((i) => {
      const told = { n: index[i], true: classes[label[i]], pred: classes[guess(i, own)], p: percent(sure(i, own)) };
      const button = make("button", { type: "button", className: isWrong(i, own) ? "tile wrong" : "tile", tabIndex: -1 },
        image("images", i, small));
      button.setAttribute("aria-label", say("open", told));
      button.dataset.row = i;
      button.title = `${told.true} → ${told.pred}, ${told.p}`;
      button.setAttribute("aria-pressed", String(index[i]) === state.img);
      button.addEventListener("click", () => {
        go({ img: state.img === String(index[i]) ? "" : String(index[i]) });
        showAnswer();
      });
      return button;
    });
    const tiles = root.querySelector(".tiles"), hadFocus = tiles.contains(document.activeElement);
    tiles.replaceChildren(...buttons);
    const current = buttons.find((button) => button.getAttribute("aria-pressed") === "true") ?? buttons[0];
    if (current) {
      current.tabIndex = 0;
      if (hadFocus) current.focus();
    }
    move(tiles, buttons, () => Math.max(1, buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length));
    root.querySelector("button.more").hidden = found.length <= limit;
    const [t, p] = [state.true, state.pred], all = t !== "" && p !== "" && !state.both ? models[own].confusion[t][p] : 0;
    const counted = { n: number.format(buttons.length), kept: number.format(found.length), total: number.format(all) };
    const more = all > found.length && state.filter === "kept";
    root.querySelector(".count").textContent = found.length || more ? say(more ? "of_cell" : "shown", counted) : words.none;
  }
  root.querySelector("button.more").addEventListener("click", () => {
    const first = limit;
    limit += page;
    drawTiles();
    root.querySelectorAll(".tiles button")[first]?.focus();
  });

  function showAnswer() {
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    root.querySelector(".answer").scrollIntoView({ behavior, block: "nearest" });
  }

  function drawAnswer() {
    const i = index.indexOf(+state.img), panel = root.querySelector(".answer");
    panel.hidden = state.img === "" || i < 0;
    if (panel.hidden) return;
    const head = make("div", { className: "faces" },
      make("figure", {}, image("images", i, large),
        make("figcaption", {}, say("image", { n: index[i] }), make("br"), `${words.true}: ${classes[label[i]]}`)),
      make("figure", {}, image("neighbours", i, large),
        make("figcaption", {}, `${words.neighbour}: ${classes[neighbour[i]]}`, make("br"), say("distance", { value: number.format(rms[i]) }))));
    const rows = models.map((model, own) => {
      const offset = (i * m + own) * c;
      const order = [...Array(c).keys()].sort((a, b) => probabilities[offset + b] - probabilities[offset + a]);
      const first = guess(i, own), top = [first, ...order.filter((k) => k !== first)].slice(0, 3);
      const bars = top.map((k) => {
        const share = probabilities[offset + k] / 255, bar = make("span", { className: "bar" });
        bar.style.cssText = `width: ${100 * share}%; background: ${model.colour}`;
        return make("div", { className: "share" }, make("span", { className: "name" }, classes[k]),
          make("span", { className: "track" }, bar), make("span", { className: "value" }, percent(share)));
      });
      return make("tr", {}, make("th", { scope: "row" }, model.label), make("td", {}, words[isWrong(i, own) ? "wrong" : "right"]),
        make("td", { className: "shares" }, ...bars));
    });
    if (give) {
      const button = make("button", { type: "button" }, words.give);
      button.addEventListener("click", () => {
        give(pixelsOf(i));
        document.getElementById("network").scrollIntoView();
        document.querySelector("canvas.pad").focus({ preventScroll: true });
      });
      head.append(button);
    }
    panel.replaceChildren(head, make("table", {}, make("tbody", {}, ...rows)));
  }

  // The pixels of a test image, read from the sprite.
  const sheet = new Image();
  sheet.src = data.images;
  function pixelsOf(i) {
    const { width, height, columns } = data, canvas = make("canvas", { width, height }), pen = canvas.getContext("2d");
    pen.drawImage(sheet, -(i % columns) * width, -Math.floor(i / columns) * height);
    return pen.getImageData(0, 0, width, height).data.filter((_, place) => place % 4 === 0);
  }

  function draw() {
    for (const [name, select] of Object.entries(selects)) select.value = state[name];
    root.querySelector(".scroll").hidden = c > 20;
    if (c <= 20) drawMatrix();
    drawTiles();
    drawAnswer();
  }

  // The back button and links from the text lead to a view.
  function follow() {
    if (!isOurs()) {
      if (location.hash === "") { state = { ...start }; draw(); }
      return;
    }
    state = read();
    limit = state.img === "" ? page : Math.max(page, n); // so that the image is among those that are shown
    const from = document.activeElement?.closest("[data-explore]");
    draw();
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    if (state.img === "") root.scrollIntoView({ behavior });
    else showAnswer();
    if (from) (root.querySelector(".matrix button[tabindex='0']") ?? root.querySelector("select")).focus({ preventScroll: true });
  }
  addEventListener("popstate", follow);
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || state.img === "") return;
    const closed = index.indexOf(+state.img);
    go({ img: "" });
    root.querySelector(`.tiles button[data-row='${closed}']`)?.focus();
  });
  for (const place of document.querySelectorAll("[data-explore]")) {
    place.append(" ", make("a", { href: "#" + place.dataset.explore }, place.dataset.words));
  }
  root.hidden = false;
  // The network starts with the clearest image; the clearest one of every class can be chosen.
  function offer() {
    const first = models.findIndex((model) => model.name === "cnn"), bench = document.getElementById("network");
    const clear = [...Array(n).keys()].filter((i) => !isWrong(i, first)).sort((a, b) => sure(b, first) - sure(a, first));
    const ones = classes.map((_, k) => clear.find((i) => label[i] === k)).filter((i) => i !== undefined);
    const start = (i) => {
      give(pixelsOf(i));
      bench.querySelector(".given").textContent = say("given", { n: index[i], true: classes[label[i]] });
    };
    bench.querySelector(".samples").replaceChildren(...ones.slice(0, 20).map((i) => {
      const button = make("button", { type: "button", className: "tile", title: classes[label[i]] }, image("images", i, small));
      button.setAttribute("aria-label", classes[label[i]]);
      button.addEventListener("click", () => start(i));
      return button;
    }));
    start(clear[0] ?? 0);
  }
  if (give && n) sheet.decode().then(offer);
  draw();
  follow();
}
// After the first paint: the page is there to be read before it can be explored.
function begin() {
  const examples = document.getElementById("examples"), data = JSON.parse(examples.textContent);
  const give = data.network ? tryNetwork(document.getElementById("network"), data.network, data.classes, data.words) : null;
  const fits = give && data.height === data.network.operations[0].shape[0]; // images may have been made smaller
  explore(document.getElementById("explorer"), data, fits ? give : null);
  const links = document.querySelector(".inside"); // to what only this script shows
  links.hidden = false;
  if (document.getElementById("network").hidden) links.querySelector('[href="#network"]').parentElement.remove();
  if (["#explorer", "#network"].includes(location.hash)) document.querySelector(location.hash).scrollIntoView();
}
requestAnimationFrame(() => setTimeout(begin));
