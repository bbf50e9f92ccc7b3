"use strict";
// node streams.cjs BASE_URL KEY SCENARIO: streams pictures with OpenAI's own client and prints every event, as JSON.

const OpenAI = require("openai");

const [baseURL, apiKey, scenario] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });
const GPT = { model: "gpt-image-2.5-flare", prompt: "a fox", size: "1024x1024", quality: "low", stream: true };

// What came until the end, or until an error was thrown.
async function seen(asking) {
  const events = [];
  try {
    for await (const event of await asking) events.push({ ...event, b64_json: event.b64_json.length });
  } catch (error) {
    const { status, code, type, message } = error;
    return { events, error: { class: error.constructor.name, status, code, type, message } };
  }
  return { events };
}

// 2x2 pixels.
const GREY = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGNsaGhgYGBgYmBgYGBgAAASKgGEzwCOrgAAAABJRU5ErkJggg==";
const picture = () => OpenAI.toFile(Buffer.from(GREY, "base64"), "grey.png", { type: "image/png" });

const SCENARIOS = {
  generation: () => seen(client.images.generate({ ...GPT, partial_images: 2 })),
  edit: async () => seen(client.images.edit({ ...GPT, image: await picture(), partial_images: 2 })),
  several: () => seen(client.images.generate({ model: "fal/qwen-image", prompt: "a fox", n: 2, stream: true })),
  refused: () => seen(client.images.generate({ ...GPT, n: 11 })),
  failed: () => seen(client.images.generate({ ...GPT, partial_images: 1 })),
};

SCENARIOS[scenario]().then(
  (told) => process.stdout.write(JSON.stringify(told)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
