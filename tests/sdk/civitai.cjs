"use strict";
// node civitai.cjs ORIGIN TOKEN SCENARIO: runs one scenario with Civitai's own client and prints what it saw, as JSON.

const { registerHooks } = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

// The package is made for bundlers: its modules import each other without endings, which Node does not follow alone.
registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith(".") || !context.parentURL?.includes("/@civitai/client/")) return next(specifier, context);
    for (const ending of [".js", "/index.js"]) {
      try {
        return next(specifier + ending, context);
      } catch (error) {
        if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
      }
    }
    return next(specifier, context);
  },
});

const [baseUrl, auth, scenario] = process.argv.slice(2);
const QWEN = { engine: "sdcpp", ecosystem: "qwen", model: "20b", operation: "createImage", prompt: "a lighthouse" };
const workflow = (input, more = {}) => ({ steps: [{ $type: "imageGen", input: { ...QWEN, ...input } }], ...more });

const SCENARIOS = {
  // As the documents do it: wait, and look again until it is over.
  async picture({ client, submitWorkflow, getWorkflow }) {
    const body = workflow({ width: 512, height: 384, seed: 7, outputFormat: "png" });
    const submitted = await submitWorkflow({ client, body, query: { wait: 5 } });
    let looked = submitted;
    const statuses = [submitted.response.status];
    while (looked.data.status !== "succeeded") {
      looked = await getWorkflow({ client, path: { workflowId: submitted.data.id }, query: { wait: 1 } });
      statuses.push(looked.response.status);
    }
    const [image] = looked.data.steps[0].output.images;
    const picture = await fetch(image.url);
    const bytes = new Uint8Array(await picture.arrayBuffer());
    return { statuses, image, type: picture.headers.get("content-type"), begins: [...bytes.slice(0, 4)] };
  },

  async edit({ client, submitWorkflow, uploadConsumerBlob }) {
    const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const content = new Blob([Buffer.from(pixel, "base64")], { type: "image/png" });
    const headers = { "Content-Type": "image/png" };
    const uploaded = await uploadConsumerBlob({ client, body: content, headers, bodySerializer: null });
    const body = workflow({ operation: "editImage", images: [uploaded.data.url] });
    const answer = await submitWorkflow({ client, body, query: { wait: 60 } });
    return { blob: uploaded.data, status: answer.response.status, workflow: answer.data };
  },

  async preview({ client, submitWorkflow }) {
    const answer = await submitWorkflow({ client, body: workflow({}), query: { whatif: true } });
    return { status: answer.data.status, cost: answer.data.cost.total };
  },

  async cancel({ client, submitWorkflow, updateWorkflow, getWorkflow }) {
    const { data } = await submitWorkflow({ client, body: workflow({}) });
    const mine = { client, path: { workflowId: data.id } };
    const canceled = await updateWorkflow({ ...mine, body: { status: "canceled" } });
    return { canceled: canceled.response.status, status: (await getWorkflow(mine)).data.status };
  },

  async refused({ client, submitWorkflow }) {
    const answer = await submitWorkflow({ client, body: workflow({ version: "2511" }) });
    return { status: answer.response.status, error: answer.error };
  },
};

async function main() {
  const entry = path.join(process.env.NODE_PATH, "@civitai", "client", "dist", "index.js");
  const library = await import(pathToFileURL(entry));
  const client = library.createCivitaiClient({ baseUrl, auth });
  process.stdout.write(JSON.stringify(await SCENARIOS[scenario]({ ...library, client })));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
