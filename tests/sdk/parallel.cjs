"use strict";
// node parallel.cjs BASE_URL KEY BODIES: draws all of a JSON list at once with OpenAI's own client, at its default
// settings, and prints for each how often it was sent and a digest of its picture, or what was wrong, as JSON.

const { createHash } = require("node:crypto");
const OpenAI = require("openai");

const [baseURL, apiKey, bodies] = process.argv.slice(2);

async function drawn(body) {
  let sent = 0;
  const counting = (...request) => {
    sent += 1;
    return fetch(...request);
  };
  const client = new OpenAI({ baseURL, apiKey, fetch: counting });
  try {
    const answer = await client.images.generate({ ...body, response_format: "b64_json" });
    const digests = answer.data.map((image) => createHash("sha256").update(image.b64_json).digest("hex"));
    return { sent, digests };
  } catch (error) {
    return { sent, error: `${error.constructor.name}: ${error.message}` };
  }
}

Promise.all(JSON.parse(bodies).map(drawn)).then((told) => console.log(JSON.stringify(told)));
