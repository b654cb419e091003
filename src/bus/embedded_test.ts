import { testBus } from "./bus_contract.ts";
import { embeddedBus } from "./embedded.ts";

testBus("embeddedBus", () => Promise.resolve(embeddedBus()));
