'use strict';
// Fills the page from the stream. Everything that comes from the machine is put in as text, never as markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const MOST_SAMPLES = 600;
  const samples = { power: [], tokens: [] };
  let lastSeen = 0;

  // --- numbers in words -------------------------------------------------------------------------------------------
  const digits = (value) => {
    if (value === 0 || !isFinite(value)) return String(Math.round(value));
    const magnitude = Math.floor(Math.log10(Math.abs(value)));
    return value.toFixed(Math.max(0, Math.min(12, 2 - magnitude)));
  };
  const known = (shown) => shown && 'value' in shown;
  const watts = (value) => `${digits(value)} W`;
  const percent = (value) => `${(value * 100).toFixed(value < 0.2 ? 1 : 0).replace('.0', '')} %`;
  const joules = (value) => value < 1e3 ? `${digits(value)} J` : value < 3.6e5 ? `${digits(value / 1e3)} kJ` : `${digits(value / 3.6e6)} kWh`;
  const bytes = (value) => {
    for (const [size, unit] of [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']]) {
      if (value >= size) return `${digits(value / size)} ${unit}`;
    }
    return `${value} B`;
  };
  const rate = (value) => `${digits(value)} tok/s`;
  const seconds = (value) => value < 1 ? `${digits(value * 1e3)} ms` : `${digits(value)} s`;
  const whole = (value) => String(Math.round(value));
  const stretch = (value) => value < 120 ? `${Math.round(value)} s` : value < 7200 ? `${Math.round(value / 60)} min`
    : value < 172800 ? `${(value / 3600).toFixed(1)} h` : `${(value / 86400).toFixed(1)} d`;

  // --- pieces of the page -----------------------------------------------------------------------------------------
  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  // A reading, or a dash that says why there is none.
  const reading = (shown, words) => {
    if (known(shown)) return document.createTextNode(words(shown.value));
    const why = (shown && shown.missing) || 'not known';
    const dash = element('span', '–', 'missing');
    dash.title = why;
    dash.tabIndex = 0;
    dash.setAttribute('aria-label', `not known: ${why}`);
    return dash;
  };
  const cell = (content, className) => {
    const made = element('td', undefined, className);
    made.append(content);
    return made;
  };
  const table = (id, heads, rows) => {
    const head = element('thead');
    const line = element('tr');
    for (const name of heads) {
      const th = element('th', name);
      th.scope = 'col';
      line.append(th);
    }
    head.append(line);
    const body = element('tbody');
    body.append(...rows);
    replace(byId(id), head, body);
  };
  // What has the focus keeps it: nothing is replaced while somebody reads why a reading is missing.
  const replace = (parent, ...children) => {
    if (parent.contains(document.activeElement) && document.activeElement !== document.body) return;
    parent.replaceChildren(...children);
  };
  const row = (cells, className) => {
    const made = element('tr', undefined, className);
    made.append(...cells);
    return made;
  };

  // --- sections ---------------------------------------------------------------------------------------------------
  const tile = (name, content, note) => {
    const made = element('div', undefined, 'tile');
    const value = element('div', undefined, 'value');
    value.append(content);
    made.append(element('div', name, 'name'), value);
    if (note) made.append(element('div', note, 'note'));
    return made;
  };

  const device = (one) => {
    const id = element('td', one.name, 'wrap');
    if (one.presence.state === 'away') {
      const gone = element('td', `gone for ${stretch(one.presence.for_s)}: ${one.presence.why}`, 'wrap');
      gone.colSpan = 9;
      const made = row([id, gone], 'away');
      made.dataset.id = one.id;
      return made;
    }
    const memory = known(one.memory_used_b) && known(one.memory_total_b)
      ? document.createTextNode(`${bytes(one.memory_used_b.value)} of ${bytes(one.memory_total_b.value)}`)
      : reading(one.memory_used_b, bytes);
    const held = known(one.throttling) && one.throttling.value.length > 0;
    const estimate = one.estimated ? 'estimated ' : '';
    const made = row([
      id,
      cell(reading(one.power_w, (value) => estimate + watts(value))),
      cell(reading(one.power_limit_w, watts)),
      cell(reading(one.energy_j, joules)),
      cell(reading(one.temperature_c, (value) => `${Math.round(value)} °C`)),
      cell(reading(one.utilization, percent)),
      cell(memory),
      cell(reading(one.clock_mhz, (value) => `${Math.round(value)} MHz`)),
      cell(reading(one.throttling, (reasons) => reasons.length === 0 ? 'nothing' : reasons.join(', ')), 'wrap'),
      cell(reading(one.processes, (all) => all.map((process) => `${process.pid} ${process.name}`).join(', ') || 'none'), 'wrap'),
    ], held ? 'held' : '');
    made.dataset.id = one.id;
    return made;
  };

  const server = (one) => {
    const name = element('td', one.kind ? `${one.address} ${one.kind}` : one.address, 'wrap');
    if (one.presence.state === 'away') {
      const away = element('td', `away for ${stretch(one.presence.for_s)}: ${one.presence.why}`, 'wrap');
      away.colSpan = 8;
      return row([name, away], 'away');
    }
    return row([
      name,
      cell(reading(one.output_tokens_per_s, rate)),
      cell(reading(one.output_tokens_per_s_minute, rate)),
      cell(reading(one.running, whole)),
      cell(reading(one.waiting, whole)),
      cell(reading(one.cache, percent)),
      cell(reading(one.first_token_s, seconds)),
      cell(reading(one.requests, whole)),
      element('td', one.models.join(', '), 'wrap'),
    ]);
  };

  const chart = (name, values, unit) => {
    const NS = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(NS, 'svg');
    svg.setAttribute('viewBox', '0 0 600 100');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('aria-hidden', 'true');
    const present = values.filter((value) => value !== null);
    const highest = Math.max(...present, 0);
    const base = document.createElementNS(NS, 'path');
    base.setAttribute('class', 'base');
    base.setAttribute('d', 'M0 99.5H600');
    const line = document.createElementNS(NS, 'path');
    line.setAttribute('class', 'line');
    let path = '';
    let pen = 'M';
    values.forEach((value, place) => {
      // a reading that is not there is a gap in the line
      if (value === null) { pen = 'M'; return; }
      const x = 600 - (values.length - 1 - place) * (600 / Math.max(values.length - 1, 60));
      const y = highest > 0 ? 98 - (value / highest) * 92 : 98;
      path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = 'L';
    });
    line.setAttribute('d', path || 'M0 0');
    svg.append(base, line);
    const figure = element('figure');
    const now = present.length > 0 && values[values.length - 1] !== null ? `${digits(values[values.length - 1])} ${unit} now` : 'not known now';
    figure.append(element('figcaption', `${name}: ${now}, up to ${digits(highest)} ${unit}`), svg);
    return figure;
  };

  const sample = (list, shown) => {
    list.push(known(shown) ? shown.value : null);
    if (list.length > MOST_SAMPLES) list.shift();
  };

  const one = (snapshot) => {
    const money = snapshot.money;
    const amount = (value) => `${digits(value)} ${money.currency}`;
    const window = (name) => snapshot.windows.find((candidate) => candidate.name === name);
    const now = window('now');
    const minute = window('minute');
    const hour = window('hour');
    const estimate = snapshot.power_estimated ? 'estimated ' : '';

    byId('machine').textContent = snapshot.machine;
    const answer = byId('answer');
    const loss = known(money.in_loss_zone) && money.in_loss_zone.value;
    answer.classList.toggle('loss', loss);
    const words = [];
    words.push(known(snapshot.power_w) ? `${estimate}${watts(snapshot.power_w.value)}` : 'power is not known');
    if (known(now.output_tokens_per_s)) words.push(rate(now.output_tokens_per_s.value));
    if (known(money.cost_per_hour)) words.push(`${amount(money.cost_per_hour.value)} an hour`);
    if (known(money.idle_waste_per_month) && money.idle_waste_per_month.value > 0) words.push(`${amount(money.idle_waste_per_month.value)} a month while idle`);
    answer.replaceChildren(element('span', words.join(' · ')));
    if (loss) answer.append(' · ', element('strong', 'LOSS ZONE'));

    replace(byId('tiles'),
      tile('Power', reading(snapshot.power_w, (value) => estimate + watts(value)), snapshot.power_covers || 'no meter'),
      tile('Energy', document.createTextNode(joules(snapshot.energy_j)), `in ${stretch(snapshot.running_s)}, ${stretch(snapshot.unmeasured_s)} unmeasured`),
      tile('Output', reading(now.output_tokens_per_s, rate), 'last 10 s'),
      tile('Energy of a million tokens', reading(hour.joules_per_million, joules), `last hour, ${stretch(hour.seen_s)} seen`),
      tile('Cost of a million tokens', reading(hour.money_per_million, amount), 'last hour, idle time included'),
      tile('Idle', reading(hour.idle_share, percent), 'last hour'),
      tile('Cost', reading(money.cost_per_hour, (value) => `${amount(value)}/h`), money.left_out.length > 0 ? `without ${money.left_out.map((part) => part.split(':')[0]).join(', ')}` : ''),
      tile('Revenue', reading(money.revenue_per_hour, (value) => `${amount(value)}/h`), known(money.cost_share) ? `cost is ${percent(money.cost_share.value)} of it` : ''),
      tile('Idle waste', reading(money.idle_waste_per_month, (value) => `${amount(value)}/month`), known(money.idle_waste_per_hour) ? `${amount(money.idle_waste_per_hour.value)}/h now` : ''),
    );

    sample(samples.power, snapshot.power_w);
    sample(samples.tokens, now.output_tokens_per_s);
    byId('charts').replaceChildren(chart('Power', samples.power, 'W'), chart('Output', samples.tokens, 'tok/s'));

    table('devices', ['Device', 'Power', 'Limit', 'Energy', 'Temperature', 'Utilization', 'Memory', 'Clock', 'Held down by', 'Processes'], snapshot.devices.map(device));
    const servers = snapshot.servers.map(server);
    if (servers.length === 0) {
      const none = element('td', 'none is watched: start the monitor with --server URL', 'faint');
      none.colSpan = 9;
      servers.push(row([none]));
    }
    table('servers', ['Server', 'Output, 10 s', 'Output, minute', 'Running', 'Waiting', 'Cache', 'TTFT', 'Requests', 'Models'], servers);

    table('windows', ['Last', 'Seen', 'Power', 'Output', 'Energy/Mtok', 'Money/Mtok', 'Requests', 'Idle', 'Idle power'], snapshot.windows.map((each) => row([
      element('td', each.name === 'now' ? '10 seconds' : each.name),
      element('td', stretch(each.seen_s)),
      cell(reading(each.power_w, (value) => estimate + watts(value))),
      cell(reading(each.output_tokens_per_s, rate)),
      cell(reading(each.joules_per_million, joules)),
      cell(reading(each.money_per_million, amount)),
      cell(reading(each.requests, whole)),
      cell(reading(each.idle_share, percent)),
      cell(reading(each.idle_w, (value) => estimate + watts(value))),
    ])));
    byId('money-note').textContent = money.assumed ? 'Prices are assumed: the shipped example, not yours.' : '';

    byId('alerts-section').hidden = snapshot.alerts.length === 0;
    byId('alerts').replaceChildren(...snapshot.alerts.map((alert) => element('li', `${alert.subject}: ${alert.rule}, now ${alert.value === null ? 'not known' : digits(alert.value)}, for ${stretch(alert.for_s)}`)));
    events(snapshot.events);
  };

  const events = (all) => {
    const items = all.slice().reverse().map((event) => {
      const item = element('li', undefined, event.warning ? 'warning' : '');
      const time = element('time', new Date(event.at).toLocaleTimeString());
      time.dateTime = event.at;
      item.append(time, event.text);
      return item;
    });
    if (items.length === 0) items.push(element('li', 'nothing yet', 'faint'));
    byId('events').replaceChildren(...items);
  };

  // --- many machines ----------------------------------------------------------------------------------------------
  const machine = (each) => {
    const name = element('td', each.name ? `${each.name} (${each.address})` : each.address, 'wrap');
    if (each.presence.state === 'away') {
      const away = element('td', `away for ${stretch(each.presence.for_s)}: ${each.presence.why}`, 'wrap');
      away.colSpan = 7;
      return row([name, away], 'away');
    }
    const amount = (value) => `${digits(value)} ${each.currency}`;
    return row([
      name,
      cell(reading(each.power_w, (value) => (each.power_estimated ? 'estimated ' : '') + watts(value))),
      cell(reading(each.output_tokens_per_s, rate)),
      cell(reading(each.joules_per_million, joules)),
      cell(reading(each.cost_per_hour, amount)),
      cell(reading(each.idle_share, percent)),
      cell(reading(each.hottest_c, (value) => `${Math.round(value)} °C`)),
      element('td', whole(each.alerts)),
    ]);
  };
  const farm = (view) => {
    byId('machine').textContent = `${view.machines.length} machines`;
    const away = view.machines.filter((each) => each.presence.state === 'away').length;
    byId('answer').replaceChildren(element('span', away > 0 ? `${away} away` : 'all answer'));
    byId('answer').classList.toggle('loss', away > 0);
    replace(byId('tiles'),
      tile('Power', reading(view.power_w, watts), `of ${view.machines.length - away} machines`),
      tile('Output', reading(view.output_tokens_per_s, rate), 'last minute'),
    );
    sample(samples.power, view.power_w);
    sample(samples.tokens, view.output_tokens_per_s);
    byId('charts').replaceChildren(chart('Power', samples.power, 'W'), chart('Output', samples.tokens, 'tok/s'));
    for (const id of ['h-servers', 'h-windows']) byId(id).parentElement.hidden = true;
    byId('h-devices').textContent = 'Machines';
    table('devices', ['Machine', 'Power', 'Output', 'Energy/Mtok', 'Cost/h', 'Idle', 'Hottest', 'Alerts'], view.machines.map(machine));
    events(view.events);
  };

  // --- the stream -------------------------------------------------------------------------------------------------
  const state = (text, className) => {
    byId('state').textContent = text;
    byId('state').className = className;
  };
  const stream = new EventSource('/api/stream');
  stream.onmessage = (message) => {
    const view = JSON.parse(message.data);
    lastSeen = Date.now();
    state(`live · ${new Date(view.at).toLocaleTimeString()}`, 'live');
    if (view.schema.startsWith('infercost.farm/')) farm(view); else one(view);
  };
  stream.onerror = () => state('the monitor does not answer; what is shown is old', 'lost');
  setInterval(() => {
    if (lastSeen > 0 && Date.now() - lastSeen > 70000) state('nothing new for a minute; what is shown is old', 'lost');
  }, 5000);
})();
