import type { Command } from "commander";
import { type ApiOptions, open, withApi, withExample } from "./command.ts";
import { logIn } from "./connection.ts";
import {
  developmentSession,
  forgetSession,
  saveSession,
} from "./credentials.ts";
import { usageError } from "./exit.ts";
import { type Format, printOne, withFormat } from "./output.ts";
import { readPassword } from "./read_password.ts";
import { err, out } from "./terminal.ts";
import type { DataAnswer } from "./wire.ts";

interface LoginOptions extends ApiOptions {
  login?: string;
  passwordStdin?: boolean;
}

interface CurrentUser {
  login: string;
  effective_permissions?: { resource: string; actions: string[] }[];
}

/** `attune auth ...` */
export function addAuth(program: Command): void {
  const group = program.command("auth").description("who you are to the API");
  const login = group.command("login")
    .description("log in and keep the tokens, for you alone")
    .option("--login <login>", "your login")
    .option("--password-stdin", "read the password from standard input");
  withExample(
    withApi(login),
    "attune auth login --url https://attune.example --login me@example.com",
  ).action(logInAndKeep);
  withExample(
    withFormat(withApi(group.command("whoami").description("who you are"))),
    "attune auth whoami",
  ).action(async (options: ApiOptions & { output: Format }) => {
    const api = await open(options);
    const { data } = await api.get<DataAnswer<CurrentUser>>("/auth/me");
    if (options.output !== "table") return printOne(data, options.output);
    const { effective_permissions = [], ...user } = data;
    await printOne({
      url: api.url,
      ...user,
      permissions: Object.fromEntries(
        effective_permissions.map(({ resource, actions }) => [
          resource,
          actions.join(", "),
        ]),
      ),
    }, "table");
  });
  withExample(
    withApi(group.command("logout").description("forget the tokens")),
    "attune auth logout",
  ).action(async ({ url }: ApiOptions) => {
    const env = Deno.env.toObject();
    const forgotten = await forgetSession(env, url ?? env.ATTUNE_API_URL);
    await out(
      forgotten === undefined
        ? "Nothing was stored\n"
        : `Logged out of ${forgotten}\n`,
    );
  });
}

async function logInAndKeep(options: LoginOptions): Promise<void> {
  const env = Deno.env.toObject();
  const named = options.url ?? (env.ATTUNE_API_URL || undefined);
  const development = await developmentSession(env);
  const url = (named ?? development?.session.url ?? "http://127.0.0.1:8080")
    .replace(/\/+$/, "");
  if (URL.parse(url) === null) {
    throw usageError(`--url must be a URL: current value is "${url}"`);
  }
  const login = options.login ?? askLogin();
  const password = await readPassword({ fromStdin: options.passwordStdin });
  const session = await logIn(url, { login, password });
  await saveSession(env, session, { current: true });
  await err(`Logged in to ${url} as ${login}\n`);
}

function askLogin(): string {
  if (!Deno.stdin.isTerminal()) {
    throw usageError("--login is missing, and there is no terminal to ask on");
  }
  return prompt("Login:") ?? "";
}
