"use strict";
// node forms.cjs BASE_URL: edits pictures with OpenAI's own client, in the forms that its callers use, one after another.

const OpenAI = require("openai");

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "sk-x", maxRetries: 0 });
const png = Buffer.from("89504e470d0a1a0a0d0a2d2d", "hex");
const file = (name) => OpenAI.toFile(png, name, { type: "image/png" });

async function main() {
  const common = { model: "own", prompt: "ein Füchs", n: 2 };
  await client.images.edit({ ...common, image: await file("a.png"), mask: await file("m.png") });
  await client.images.edit({ ...common, image: [await file("a.png")] });
  await client.images.edit({
    ...common,
    image: [await file("a.png"), new Blob([png])],
    stream: false,
    seed: 7,
    strength: 0.5,
    svg: { model: "m", reasoning: { effort: "low" } },
    loras: [
      { path: "a", scale: 0.5 },
      { path: "b", scale: 1 },
    ],
  });
  console.log(JSON.stringify("done"));
}

main();
