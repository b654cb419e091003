import { startEmbedded } from "../support/stack.ts";
import { testFlow } from "./flow_suite.ts";

testFlow("embedded", () => startEmbedded(), { ignore: false });
