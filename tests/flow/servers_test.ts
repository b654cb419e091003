import { serversMissing, startOnServers } from "../support/stack.ts";
import { testFlow } from "./flow_suite.ts";

const missing = serversMissing();
testFlow(
  missing === undefined ? "servers" : `servers (${missing})`,
  () => startOnServers(),
  { ignore: missing !== undefined },
);
