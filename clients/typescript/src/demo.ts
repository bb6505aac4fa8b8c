// The main job against a running `make run`; the first argument is its demo.json.

import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";
import { all, data, gateway, GatewayError } from "./client.js";
import type { webhooks } from "./gateway.js";

type Ended =
  webhooks["call.ended"]["post"]["requestBody"]["content"]["application/cloudevents+json"];
type Received = { headers: Record<string, string>; body: string };

const demo = JSON.parse(readFileSync(process.argv[2] ?? ".local/demo.json", "utf8"));
const app = demo.apps.find((each: { name: string }) => each.name === "demo-rest");
const client = gateway(demo.base_url, app.app_key, app.app_secret);
const [alice, bob, carol] = people(3) as [string, string, string];

// Bind. A repeat with the same key gets the same binding.
const bind = () =>
  data(
    client.POST("/v1/bindings", {
      body: { a: alice, b: bob, ttl_s: 3600, record: true, user_data: "order-4711" },
      headers: { "Idempotency-Key": `${alice}${bob}` },
    }),
  );
const binding = await bind();
assert.equal((await bind()).id, binding.id);
assert.equal(binding.state, "active");
const path = { params: { path: { binding_id: binding.id } } };
console.log(`bound ${binding.id} over ${binding.number}`);

// Alice dials X.
const seen = await call(alice);
assert.equal(seen.callee.number, bob.slice(1));

// The signed events, as they arrive.
const verifier = new Webhook(app.callback_secret);
const events = new Map<string, { id: string; type: string; data: unknown }>();
for (const until = Date.now() + 15_000; events.size < 5 && Date.now() < until; await pause(200)) {
  const received = (await json(`${demo.simulator_url}/received/${app.name}`)) as Received[];
  for (const { headers, body } of received.filter((each) => each.body.includes(binding.id))) {
    const event = verifier.verify(body, headers) as { id: string; type: string; data: unknown };
    events.set(event.id, event);
  }
}
assert.deepEqual(
  [...events.values()].map((event) => event.type).sort(),
  ["call.answered", "call.ended", "call.ringing", "call.started", "recording.ready"].map(
    (kind) => `masking.${kind}.v1`,
  ),
);
const end = [...events.values()].find((event) => event.type === "masking.call.ended.v1") as Ended;
assert.equal(end.data.user_data, "order-4711");
console.log(`${events.size} events, each signed`);

// The record, found page by page, and the recording.
const found = [];
for await (const record of all((cursor) =>
  data(
    client.GET("/v1/records", {
      params: { query: { binding: binding.id, limit: 1, ...(cursor ? { cursor } : {}) } },
    }),
  ),
)) {
  found.push(record);
}
assert.equal(found.length, 1);
const record = found[0]!;
assert.equal(record.id, end.data.call);
assert.equal(record.talked_s, 30);
const recording = record.recordings[0]!;
const link = await data(
  client.GET("/v1/recordings/{event_id}", {
    params: { path: { event_id: recording.id }, query: { redirect: "no" } },
  }),
);
const sound = Buffer.from(await (await fetch(link.url)).arrayBuffer());
assert.equal(createHash("md5").update(sound).digest("hex"), recording.md5);
console.log(`record ${record.outcome}, recording of ${sound.length} bytes`);

// Explain, and change of B.
const before = await explain(alice);
assert.deepEqual([before.decision, before.to], ["connect", bob]);
const changed = await data(client.PATCH("/v1/bindings/{binding_id}", { ...path, body: { b: carol } }));
assert.equal(changed.b, carol);
assert.equal((await call(alice)).callee.number, carol.slice(1));
assert.deepEqual((await explain(bob)).reason, "cooling");
console.log("B was changed");

// Release.
const ended = await data(client.DELETE("/v1/bindings/{binding_id}", path));
assert.equal(ended.state, "released");
assert.equal((await call(alice)).connected, false);

// A problem says everything that is wrong.
await assert.rejects(
  data(client.POST("/v1/bindings", { body: { a: "0171 123", ttl_s: 0 } })),
  (error: GatewayError) => {
    assert.equal(error.status, 400);
    assert.deepEqual(
      error.problem?.errors?.map((each) => each.pointer),
      ["/a", "/ttl_s"],
    );
    return true;
  },
);
console.log("released");

function explain(from: string) {
  return data(client.POST("/v1/explain", { body: { number: binding.number, from } }));
}

async function call(from: string) {
  const body = JSON.stringify({ from, to: binding.number, talk_s: 30 });
  return (await (await fetch(`${demo.simulator_url}/calls`, { method: "POST", body })).json()) as {
    connected: boolean;
    callee: { number: string };
  };
}

async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

function pause(ms: number) {
  return new Promise((done) => setTimeout(done, ms));
}

// Different ones at each run, from the range that Ofcom keeps for films.
function people(count: number): string[] {
  const found = new Set<string>();
  while (found.size < count) {
    found.add(`+447700900${String(Math.floor(Math.random() * 1000)).padStart(3, "0")}`);
  }
  return [...found];
}
