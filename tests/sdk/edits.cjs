"use strict";
// node edits.cjs BASE_URL KEY MODEL: edits with OpenAI's own client, and prints what came, as JSON.

const OpenAI = require("openai");

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

// 2x2 pixels: opaque grey, all transparent, and 1x1.
const GREY = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGNsaGhgYGBgYmBgYGBgAAASKgGEzwCOrgAAAABJRU5ErkJggg==";
const CLEAR = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAYAAABytg0kAAAAC0lEQVR4nGNgQAcAABIAAXfx+gAAAAAASUVORK5CYII=";
const DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg==";
const file = (text, name) => OpenAI.toFile(Buffer.from(text, "base64"), name);

async function edited(fields) {
  const answer = await client.images.edit({ model, prompt: "snow", quality: "low", ...fields });
  return answer.data.length;
}

async function main() {
  const grey = await file(GREY, "grey.png");
  const unfit = await edited({ image: grey, mask: await file(DOT, "dot.png") }).catch((error) => [error.param, error.status]);
  return {
    one: await edited({ image: grey }),
    list: await edited({ image: [grey, await file(CLEAR, "clear.png")], n: 2 }),
    masked: await edited({ image: grey, mask: await file(CLEAR, "clear.png") }),
    unfit,
  };
}

main().then(
  (told) => process.stdout.write(JSON.stringify(told)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
