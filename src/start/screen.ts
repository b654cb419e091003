import { colorsFor } from "../cli/terminal.ts";

export interface Screen {
  url: string;
  login: string | null;
  /** Null when it is not ours to show. */
  password: string | null;
  home: string;
  database: string;
  bus: string;
  tookMs: number;
  /** Lines a person should know. */
  notices: string[];
}

/** What `attune start` shows once executions can run. */
export function renderScreen(screen: Screen): string {
  const { bold, cyan, dim, green, yellow } = colorsFor();
  const { url, login, password, home, database, bus, tookMs } = screen;
  const took = dim(`(${(tookMs / 1000).toFixed(1)} s)`);
  const who = login === null
    ? "none: set ATTUNE_ADMIN_LOGIN and ATTUNE_ADMIN_PASSWORD"
    : [login, password].filter((part) => part !== null).join("  ");
  const facts = [
    ["login", who],
    ["docs", `${url}/docs`],
    ["data", home],
    ["log", `${home}/logs/attune.log`],
    ["database", database],
    ["bus", bus],
  ];
  const attune = commandPrefix();
  const commands = [
    "run core.echo message=hello",
    "action list",
    "execution list",
  ];
  return [
    "",
    `  ${green("Attune is ready")} at ${bold(url)}  ${took}`,
    "",
    ...facts.map(([name, value]) => `  ${dim(name!.padEnd(9))} ${value}`),
    "",
    "  Try, in another terminal:",
    ...commands.map((command) => `    ${cyan(`${attune} ${command}`)}`),
    "",
    ...screen.notices.map((notice) => `  ${yellow(notice)}`),
    `  ${dim("Ctrl-C stops it.")}`,
    "",
  ].join("\n") + "\n";
}

/** How the user starts commands: as this one was started. */
function commandPrefix(): string {
  const throughNpx = Deno.execPath().includes("/_npx/") ||
    Deno.env.get("npm_command") === "exec";
  return throughNpx ? "npx -y deno@2.9.6 task attune" : "deno task attune";
}
