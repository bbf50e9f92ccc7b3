"use strict";
// node images.cjs BASE_URL KEY SCENARIO: runs one scenario with OpenAI's own client and prints what it saw, as JSON.

const OpenAI = require("openai");

const [baseURL, apiKey, scenario] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });

const seen = (error) => ({
  class: error.constructor.name,
  status: error.status,
  code: error.code,
  param: error.param,
  type: error.type,
  message: error.message,
  requestID: error.requestID,
});

const failure = (promise) =>
  promise.then(
    () => ({ class: "none" }),
    (error) => seen(error),
  );

const SCENARIOS = {
  url: () => client.images.generate({ model: "qwen-image", prompt: "a fox", size: "1024x768" }),

  async base64() {
    const answer = await client.images.generate({
      model: "qwen-image",
      prompt: "a fox",
      n: 2,
      size: "512x512",
      response_format: "b64_json",
      output_format: "jpeg",
    });
    return { ...answer, _request_id: answer._request_id };
  },

  // Unknown parameters are sent as they are: there is no extra_body.
  extensions: () =>
    client.images.generate({
      model: "qwen-image",
      prompt: "a fox",
      size: "16:9",
      negative_prompt: "blurry",
      seed: 7,
      num_inference_steps: 20,
      loras: [{ path: "https://example.com/style.safetensors", scale: 0.5 }],
      fal: { use_turbo: false },
    }),

  dryRun: () =>
    client.images.generate(
      { model: "qwen-image", prompt: "a fox", size: "1024x1024" },
      { query: { dryRun: true }, headers: { "X-Easel-Strict": "true" } },
    ),

  async headers() {
    const { data, response, request_id } = await client.images
      .generate({ model: "qwen-image", prompt: "a fox", size: "512x512" })
      .withResponse();
    return { request_id, metadata: data.metadata, headers: Object.fromEntries(response.headers) };
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids, one: await client.models.retrieve("lumenfall/qwen-image") };
  },

  async errors() {
    const stranger = new OpenAI({ baseURL, apiKey: "sk-wrong" });
    return {
      key: await failure(stranger.models.list()),
      model: await failure(client.images.generate({ model: "qwen-imag", prompt: "a fox" })),
      value: await failure(client.images.generate({ model: "qwen-image", prompt: "a fox", n: 11 })),
      unsupported: await failure(
        client.images.generate({ model: "qwen-image", prompt: "a fox", background: "transparent" }),
      ),
    };
  },

  paid: () => failure(client.images.generate({ model: "vllm-omni/qwen-image", prompt: "a fox" })),

  // Both at once at a gateway that takes one: the other one is sent again after `retry-after-ms`.
  async overloaded() {
    const waits = [];
    const plain = globalThis.setTimeout;
    globalThis.setTimeout = (done, wait, ...rest) => {
      waits.push(wait);
      return plain(done, wait, ...rest);
    };
    const patient = new OpenAI({ baseURL, apiKey, maxRetries: 9 });
    const answers = await Promise.all(
      ["first", "second"].map((fox) => patient.images.generate({ model: "qwen-image", prompt: `the ${fox} fox` })),
    );
    return { pictures: answers.map((answer) => answer.data.length), waits };
  },
};

SCENARIOS[scenario]().then(
  (told) => process.stdout.write(JSON.stringify(told)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
