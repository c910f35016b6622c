// node ask.mjs FILE BASE: asks the scripted server through the AI SDK; its spans go to FILE as OTLP JSON Lines.
import { appendFileSync } from "node:fs";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { generateText, streamText } from "ai";

const [file, base] = process.argv.slice(2);
const exporter = {
  export(spans, done) {
    appendFileSync(file, Buffer.from(JsonTraceSerializer.serializeRequest(spans)).toString("utf8") + "\n");
    done({ code: 0 });
  },
  shutdown: async () => {},
};
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();

const server = createOpenAICompatible({ name: "example", baseURL: `${base}/v1`, apiKey: "example", includeUsage: true });
const common = { prompt: "What time is it?", maxRetries: 0, experimental_telemetry: { isEnabled: true } };
await generateText({ model: server("example-plain"), ...common });
await streamText({ model: server("example-plain"), ...common }).consumeStream();
await streamText({ model: server("example-without-usage"), ...common }).consumeStream();
await generateText({ model: server("example-busy"), ...common }).catch((error) => console.error(`as wanted: ${error.name}`));
