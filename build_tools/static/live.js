/* The live figures. Each takes the place of the picture that its chapter made, which stays for
   paper and for readers without scripts. A chapter loads this file right below that picture, so
   that nothing which the reader sees has to move.

   The upper half computes, and tests/test_live_figures.py holds it against Python. The lower half
   shows. */

"use strict";

const liveFigures = (() => {
  const MAX_ENERGY_ERROR = 1000; // beyond this a path diverges, as in Stan and PyMC

  /* Energy, -log p up to a constant, and its gradient. Where: [log sigma, x] if centered, else
     [log sigma, z] with z = x / sigma. width: standard deviation of log sigma. */
  function surface([logSigma, second], { width, centered }) {
    const sigma = Math.exp(logSigma);
    const z = centered ? second / sigma : second;
    return {
      energy: (logSigma / width) ** 2 / 2 + (centered ? logSigma : 0) + z ** 2 / 2,
      gradient: centered
        ? [logSigma / width ** 2 + 1 - z ** 2, z / sigma]
        : [logSigma / width ** 2, z],
    };
  }

  /* Propose a draw by nSteps leapfrog steps from a place with a momentum, two standard normal
     numbers, and accept it by a uniform one. */
  function hmc(place, momentum, uniform, { step, nSteps, ...funnel }) {
    const down = (p, at) => p.map((value, i) => value - (step / 2) * at.gradient[i]);
    const total = (at, p) => at.energy + (p[0] ** 2 + p[1] ** 2) / 2;
    let at = surface(place, funnel);
    const path = [place], momenta = [momentum], energies = [total(at, momentum)];
    let divergent = false;
    while (path.length <= nSteps && !divergent) {
      const half = down(momentum, at);
      place = place.map((value, i) => value + step * half[i]);
      at = surface(place, funnel);
      momentum = down(half, at);
      path.push(place);
      momenta.push(momentum);
      energies.push(total(at, momentum));
      divergent = !(energies.at(-1) - energies[0] <= MAX_ENERGY_ERROR); // not a number: lost
    }
    const accepted = !divergent && uniform < Math.exp(energies[0] - energies.at(-1));
    return { path, momenta, energies, divergent, accepted };
  }

  /* Uniform numbers between 0 and 1 from a seed, by the generator mulberry32. */
  function randomNumbers(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /* A chain in the funnel. Keeps its draws as [log sigma, x], and where paths were rejected or
     diverged. */
  class Walk {
    nSteps = 12;

    constructor(funnel, seed, place = [1.5, 2]) {
      Object.assign(this, { ...funnel, place, start: place, random: randomNumbers(seed) });
      Object.assign(this, { draws: [], rejected: [], divergent: [] });
    }

    /* Propose the next draw; return its path as [log sigma, x] and its fate. */
    propose() {
      const radius = Math.sqrt(-2 * Math.log(1 - this.random())); // Box and Muller
      const angle = 2 * Math.PI * this.random();
      const momentum = [radius * Math.cos(angle), radius * Math.sin(angle)];
      // Steps of one length all the time could close a path in a circle.
      const step = this.step * (0.8 + 0.4 * this.random());
      const sigma = (logSigma) => (this.centered ? 1 : Math.exp(logSigma));
      const [logSigma, x] = this.place;
      const draw = hmc([logSigma, x / sigma(logSigma)], momentum, this.random(), { ...this, step });
      const path = draw.path.map(([v, second]) => [v, second * sigma(v)]);
      return { ...draw, path };
    }

    /* Count a proposal: the chain moves to its end, or stays and counts its place once more. */
    count({ path, accepted, divergent }) {
      if (accepted) this.place = path.at(-1);
      else if (divergent) this.divergent.push(this.place);
      else this.rejected.push(path.at(-1));
      this.draws.push(this.place);
    }
  }

  /* The conditional posterior means of the counties' levels, given the spread between counties and
     the noise: each county's own mean and the mean of all, weighted by their precision. */
  function levels(counties, sigmaAlpha, sigmaY) {
    const homes = (sigmaY / sigmaAlpha) ** 2; // what the population counts like
    const weights = counties.map((county) =>
      homes === Infinity ? 0 : county.homes / (county.homes + homes));
    // A county has a say in the mean by how well it is known: by its homes, if none is different.
    const votes = homes === Infinity ? counties.map((county) => county.homes) : weights;
    const sum = (values) => values.reduce((a, b) => a + b, 0);
    const mu = sum(counties.map((county, i) => votes[i] * county.mean)) / sum(votes);
    return {
      homes, weights, mu,
      alpha: counties.map((county, i) => mu + weights[i] * (county.mean - mu)),
    };
  }

  /* ------------------------------------------------------------------ what both figures need */

  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  /* A number for the eye: with a minus sign, not a hyphen. */
  const show = (value, digits = 1) => value.toFixed(digits).replace("-", "\u2212");

  /* Put a live figure in the place of a picture. draw(width, height) returns the content of its
     SVG, in pixels. Returns the box, the SVG, and functions to draw again and to tell a screen
     reader something. */
  function enliven(id, label, controls, draw) {
    const figure = document.getElementById(id);
    const box = document.createElement("div");
    box.className = "live";
    box.innerHTML =
      `<svg role="img" aria-label="${label}"></svg><p class="live-numbers"></p>${controls}` +
      '<p role="status" class="live-status"></p>';
    figure.classList.add("is-live");
    figure.querySelector("figcaption").before(box);
    const [svg, status] = [box.querySelector("svg"), box.querySelector("[role=status]")];
    const redraw = () => {
      if (svg.clientWidth) svg.innerHTML = draw(svg.clientWidth, svg.clientHeight); // not on paper
    };
    new ResizeObserver(redraw).observe(svg);
    return { box, svg, redraw, say: (text) => (status.textContent = text) };
  }

  /* Marks and numbers along an axis; at(value) is where a value stands, in pixels. */
  const yAxis = (values, at, width, digits = 0) => values.map((value) =>
    `<path class="grid" d="M0 ${at(value)}H${width}"/>` +
    `<text x="-6" y="${at(value) + 4}" text-anchor="end">${show(value, digits)}</text>`).join("");
  const xAxis = (values, at, height) => values.map((value) =>
    `<path class="grid" d="M${at(value)} 0V${height}"/>` +
    `<text x="${at(value)}" y="${height + 17}" text-anchor="middle">${show(value, 0)}</text>`).join("");

  /* ------------------------------------------------------------------ a sampler in the funnel */

  function funnel(id) {
    const HIGH = 6, WIDE = 12; // the picture shows log sigma from -6 to 6 and x from -12 to 12
    const BIN = 0.5, MOST = 2000; // draws
    let walk, proposal, shown, timer, begun, pace;
    let seed = 1;

    const { box, redraw, say } = enliven(id,
      "Left, the walk of the sampler in the plane of x and log sigma. Right, its draws of log " +
      "sigma as bars, and their true distribution as a curve. The numbers stand below.",
      `<fieldset><legend>The sampler walks in</legend>
        <label><input type="radio" name="${id}-form" value="centered" checked>
          x and log σ (centered)</label>
        <label><input type="radio" name="${id}-form" value="non-centered">
          z = x/σ and log σ (non-centered)</label></fieldset>
      <div class="live-sliders">
        <label>Step size <b></b><input type="range" name="step" min="-2" max="14" value="10"></label>
        <label>Width of the funnel, the SD of log σ <b></b><input type="range" name="width"
          min="0.5" max="2" step="0.1" value="1.5"></label></div>
      <div class="live-buttons"><button type="button" name="run">Start</button>
        <button type="button" name="one">One draw</button>
        <button type="button" name="many">100 draws</button>
        <button type="button" name="anew">Start anew</button></div>`, draw);
    const control = (name) => box.querySelector(`[name="${name}"]`);
    const settings = () => ({
      // 0.03 and 0.3, the chapter's two steps, are ten of the slider's steps apart.
      step: 0.03 * 10 ** (control("step").value / 10),
      width: Number(control("width").value),
      centered: box.querySelector("input[value=centered]").checked,
    });

    function draw(width, height) {
      const left = 34, top = 22, h = height - top - 42, gap = 14;
      const side = Math.max(84, width * 0.24), w = width - left - gap - side - 2;
      const X = (x) => Math.max(-999, Math.min(9999, (x / WIDE + 1) * w / 2));
      const Y = (v) => Math.max(-999, Math.min(9999, (1 - v / HIGH) * h / 2));
      const round = (value) => value.toFixed(1);
      const at = ([v, x]) => `${round(X(x))} ${round(Y(v))}`;
      const visible = (place) => place.every(Number.isFinite);
      const dots = (places) => places.map((place) => `M${at(place)}h0`).join("");
      const crosses = (places) => places.map((place) => `M${at(place)}m-3-3l6 6m0-6l-6 6`).join("");
      const heights = Array.from({ length: 97 }, (_, i) => -HIGH + i / 8);
      // Three shades hold 39, 86 and 99 % of the distribution: circles of log sigma / width and z.
      const shades = [3, 2, 1].map((radius) => {
        const turns = Array.from({ length: 121 }, (_, i) => (i / 60) * Math.PI);
        return `<path class="funnel" d="M${turns.map((turn) => {
          const v = walk.width * radius * Math.sin(turn);
          return at([v, radius * Math.cos(turn) * Math.exp(v)]);
        }).join("L")}Z"/>`;
      }).join("");
      const neck = Y(-2 * walk.width);

      let path = "";
      if (proposal) {
        const places = proposal.path.slice(0, shown + 1).filter(visible);
        const over = shown >= proposal.path.length - 1;
        const fate = !over || proposal.accepted ? "" : proposal.divergent ? "divergent" : "rejected";
        path = `<path class="path ${fate}" d="M${places.map(at).join("L")}"/>` +
          `<path class="stations ${fate}" d="${dots(places)}"/>`;
      }
      const counts = {};
      for (const [v] of walk.draws) {
        const bin = Math.floor(v / BIN);
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
      const peak = 1 / (walk.width * Math.sqrt(2 * Math.PI));
      const L = (density) => Math.min(side, (density / peak) * side * 0.6);
      const bars = Object.entries(counts).map(([bin, count]) =>
        `<rect x="0" y="${Y((Number(bin) + 1) * BIN) + 0.5}" height="${(h * BIN) / 2 / HIGH - 1}" ` +
        `width="${L(count / walk.draws.length / BIN)}"/>`).join("");
      const truth = heights.map((v) =>
        `${round(L(peak * Math.exp(-((v / walk.width) ** 2) / 2)))} ${round(Y(v))}`);

      return `<g transform="translate(${left} ${top})">` +
        yAxis([-4, -2, 0, 2, 4], Y, width - left) + xAxis(w > 240 ? [-10, -5, 0, 5, 10] : [-10, 0, 10], X, h) +
        `<text x="${-left + 2}" y="-8">log σ</text><text x="${w / 2}" y="${h + 36}" text-anchor="middle">x</text>` +
        `<text x="${w + gap}" y="-8">${side > 120 ? "draws and truth" : "draws, truth"}</text>` +
        `<svg width="${w}" height="${h}">` +
        shades + `<path class="neck" d="M0 ${neck}H${w}"/>` +
        `<path class="draws" d="${dots(walk.draws.filter((place, i, all) => place !== all[i - 1]))}"/>` +
        `<path class="rejected-ends" d="${walk.rejected.filter(visible).map((place) =>
          `M${at(place)}m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0`).join("")}"/>` +
        `<path class="divergences" d="${crosses(walk.divergent)}"/>${path}` +
        `<path class="here" d="${dots([walk.place])}"/></svg>` +
        `<svg x="${w + gap}" width="${side}" height="${h}"><g class="bars">${bars}</g>` +
        `<path class="truth" d="M${truth.join("L")}"/><path class="neck" d="M0 ${neck}H${side}"/></svg></g>`;
    }

    /* What the walk has come to: for the eye, and for the ear. */
    function report() {
      const n = walk.draws.length;
      const share = (count) => (n ? `${Math.round((100 * count) / n)} %` : "–");
      const lowest = n ? walk.draws.reduce((low, [v]) => Math.min(low, v), Infinity) : NaN;
      const below = walk.draws.filter(([v]) => v < -2 * walk.width).length;
      const bound = show(-2 * walk.width);
      box.querySelector(".live-numbers").innerHTML =
        `<span class="of-draws">${n} ${n === 1 ? "draw" : "draws"}</span>` +
        `<span class="of-rejected">${share(walk.rejected.length)} rejected</span>` +
        `<span class="of-divergences">${share(walk.divergent.length)} divergent</span>` +
        `<span class="of-lowest">lowest log σ: ${n ? show(lowest) : "–"}</span>` +
        `<span class="of-neck">${below} below ${bound} (${show(0.02275 * n, n < 400 ? 1 : 0)} due)</span>`;
      return `${n} draws: ${share(walk.rejected.length)} rejected, ` +
        `${share(walk.divergent.length)} divergent, lowest log sigma ${n ? show(lowest) : "none"}, ` +
        `${below} below ${bound} where ${show(0.02275 * n)} are due.`;
    }

    function begin(place) {
      walk = new Walk(settings(), seed++, place);
      proposal = null;
      for (const name of ["step", "width"]) {
        const value = name === "step" ? String(Number(walk.step.toPrecision(2))) : show(walk.width);
        control(name).previousElementSibling.textContent = value;
        control(name).setAttribute("aria-valuetext", value);
      }
      report();
      redraw();
    }

    function take(count) {
      for (; count && walk.draws.length < MOST; count--) walk.count((proposal = walk.propose()));
      shown = Infinity;
      report();
      redraw();
    }

    function frame(now) {
      timer = requestAnimationFrame(frame);
      if (!proposal) {
        proposal = walk.propose();
        begun = now;
      }
      // A path unfolds in the first two thirds of its time; the next one has a little less time.
      const part = (now - begun) / pace;
      shown = Math.floor(1.5 * part * walk.nSteps);
      redraw();
      if (shown >= proposal.path.length - 1 && !proposal.counted) {
        walk.count(proposal);
        proposal.counted = true;
        const heard = report();
        if (walk.draws.length % 100 === 0) say(heard);
        if (walk.draws.length >= MOST) stop();
      }
      if (part >= 1) {
        proposal = null;
        pace = Math.max(50, pace * 0.93);
      }
    }

    function stop() {
      if (!timer) return;
      cancelAnimationFrame(timer);
      timer = null;
      if (!proposal?.counted) proposal = null;
      control("run").textContent = "Start";
      say(report());
      redraw();
    }

    control("run").onclick = () => {
      if (timer) return stop();
      if (walk.draws.length >= MOST) begin();
      control("run").textContent = "Pause";
      [pace, proposal] = [900, null];
      timer = requestAnimationFrame(frame);
    };
    control("one").onclick = () => {
      stop();
      take(1);
      const fate = proposal.accepted ? "accepted" : proposal.divergent ? "diverged" : "rejected";
      say(`Draw ${walk.draws.length}: ${fate}. Log sigma is ${show(walk.place[0])}.`);
    };
    control("many").onclick = () => {
      stop();
      take(100);
      say(report());
    };
    control("anew").onclick = () => {
      stop();
      begin();
      say("Started anew.");
    };
    // Another setting is another chain: it counts from zero, and begins where the last one stands.
    box.oninput = () => begin(walk.place);
    const heed = () => {
      stop();
      control("run").hidden = calm.matches;
    };
    calm.addEventListener("change", heed);
    begin();
    heed();
  }

  /* ------------------------------------------------------------------ from pooled to unpooled */

  function pooling(id) {
    const fitted = JSON.parse(document.getElementById(`${id}-data`).textContent);
    const counties = fitted.counties;
    const MIDDLE = 100; // of the dial: the fitted spread; its ends are zero and infinity
    const counted = {}; // counties of one size stand side by side
    for (const county of counties) (counted[county.homes] ??= []).push(county);
    for (const county of counties) {
      const same = counted[county.homes];
      county.x = Math.log2(county.homes - 0.5 + (same.indexOf(county) + 0.5) / same.length);
    }
    const means = counties.map((county) => county.mean);
    const [low, high] = [Math.floor(Math.min(...means)), Math.ceil(2 * Math.max(...means)) / 2];
    let chosen = counties.findIndex((county) => county.name === "Lac Qui Parle");
    let places, moving, saying;

    const { box, svg, redraw, say } = enliven(id,
      "The 85 counties from few homes to many: rings are their own means, dots their estimates, " +
      "and a dashed line is the mean of the counties. The numbers stand below.",
      `<label class="live-dial">Spread between counties, σ<sub>α</sub> = <b></b><input type="range"
        name="dial" min="0" max="${2 * MIDDLE}" value="${MIDDLE}"></label>
      <div class="live-buttons live-marks"><button type="button" value="0">0: pooled</button>
        <button type="button" value="${MIDDLE}">${show(fitted.sigma_alpha, 2)}: fitted</button>
        <button type="button" value="${2 * MIDDLE}">∞: unpooled</button></div>
      <label>County <select name="county"></select></label>`, draw);
    const dial = box.querySelector("[name=dial]");
    const list = box.querySelector("select");
    counties.forEach((county, i) => list.add(new Option(county.name, i, i === chosen, i === chosen)));

    const spread = () => (fitted.sigma_alpha * dial.value) / (2 * MIDDLE - dial.value);
    const now = () => levels(counties, spread(), fitted.sigma_y);
    const name = (value) =>
      value === Infinity ? "∞" : value === 0 ? "0" : show(value, value < 0.095 ? 3 : value < 9.95 ? 2 : 0);

    function draw(width, height) {
      const left = 34, top = 22, w = width - left - 12, h = height - top - 42;
      const X = (x) => ((x + 1.1) / (Math.log2(128) + 1.1)) * w;
      const Y = (y) => ((high - y) / (high - low)) * h;
      const { alpha, mu, homes } = now();
      places = counties.map((county, i) => [left + X(county.x), top + Y(alpha[i])]);
      const half = X(Math.log2(homes));
      const [x] = places[chosen], county = counties[chosen], onLeft = x > width / 2;
      const order = counties.map((_, i) => i).filter((i) => i !== chosen).concat(chosen);
      const ticks = Array.from({ length: high - low + 1 }, (_, i) => low + i).filter((v) => v <= high);
      return `<g transform="translate(${left} ${top})">` +
        yAxis(ticks, Y, w) + xAxis([1, 2, 5, 10, 20, 50, 100], (v) => X(Math.log2(v)), h) +
        `<text x="${-left + 2}" y="-8">log radon in basements, log(pCi/L)</text>` +
        `<text x="${w / 2}" y="${h + 36}" text-anchor="middle">homes measured in the basement</text>` +
        `<svg width="${w + 12}" height="${h}">` +
        (half > 0 && half < w ? `<path class="half" d="M${half} 0V${h}"/>` : "") +
        `<path class="mean" d="M0 ${Y(mu)}H${w}"/>` +
        order.map((i) => {
          const [cx, own, cy] = [X(counties[i].x), Y(counties[i].mean), Y(alpha[i])];
          return `<g${i === chosen ? ' class="chosen"' : ""}><path class="pull" d="M${cx} ${own}V${cy}"/>` +
            `<circle class="own" cx="${cx}" cy="${own}" r="2.5"/>` +
            `<circle class="estimate" cx="${cx}" cy="${cy}" r="${2.5 + Math.sqrt(counties[i].homes) * 0.5}"/></g>`;
        }).join("") + "</svg></g>" +
        `<text class="name" x="${x + (onLeft ? -9 : 9)}" y="${top + Y(county.mean) + 4}" text-anchor="${onLeft ? "end" : "start"}">` +
        `${county.name}</text>`;
    }

    /* The chosen county in words. */
    function report() {
      const { alpha, weights, mu, homes } = now();
      const value = name(spread());
      const average = (values) => values.reduce((a, b) => a + b, 0) / values.length;
      const sd = Math.sqrt(average(alpha.map((value) => (value - average(alpha)) ** 2)));
      const county = counties[chosen];
      dial.previousElementSibling.textContent = value;
      dial.setAttribute("aria-valuetext", spread() === Infinity ? "infinite: unpooled"
        : `${value}${spread() === 0 ? ": pooled" : Number(dial.value) === MIDDLE ? ": fitted" : ""}`);
      const title = `${county.name}, ${county.homes} ${county.homes === 1 ? "home" : "homes"}`;
      box.querySelector(".live-numbers").innerHTML =
        `<span class="of-county">${title}</span>` +
        `<span class="of-own">own mean ${show(county.mean, 2)}</span>` +
        `<span class="of-weight">weighs ${Math.round(100 * weights[chosen])} %</span>` +
        `<span class="of-estimate">estimate ${show(alpha[chosen], 2)}</span>` +
        `<span class="of-mean">mean of the counties ${show(mu, 2)}</span>` +
        `<span class="of-half">counts like ${homes < 9.95 ? show(homes) : name(homes)} homes</span>` +
        `<span class="of-spread">SD of the estimates ${show(sd, 2)}</span>`;
      return `${title}: own mean ${show(county.mean, 2)}, estimate ${show(alpha[chosen], 2)}.`;
    }

    function update() {
      const heard = report();
      redraw();
      clearTimeout(saying);
      saying = setTimeout(() => say(heard), 700); // once, when all is still
    }

    function choose(index) {
      if (index === chosen) return;
      list.value = chosen = index;
      update();
    }

    function turn(target) {
      const from = Number(dial.value), start = performance.now();
      const move = (time) => {
        const part = calm.matches ? 1 : Math.min(1, Math.max(0, time - start) / 700);
        dial.value = from + (target - from) * part * part * (3 - 2 * part);
        update();
        if (part < 1) moving = requestAnimationFrame(move);
      };
      cancelAnimationFrame(moving);
      move(start);
    }

    dial.oninput = () => {
      cancelAnimationFrame(moving);
      update();
    };
    list.onchange = () => choose(Number(list.value));
    box.querySelectorAll("button").forEach((button) => {
      button.onclick = () => turn(Number(button.value));
    });
    svg.onpointerdown = svg.onpointermove = (event) => {
      const { left, top } = svg.getBoundingClientRect();
      const distances = places.map(([x, y]) => Math.hypot(event.clientX - left - x, event.clientY - top - y));
      const nearest = distances.indexOf(Math.min(...distances));
      if (distances[nearest] < 24) choose(nearest);
    };
    report();
    redraw();
  }

  return { surface, hmc, Walk, levels, funnel, pooling };
})();
