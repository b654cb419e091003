/** Of this program, as the API, the agent and `--version` tell it. */
export const VERSION = "0.1.0";
