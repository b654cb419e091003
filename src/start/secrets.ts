import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";

const shape = z.object({
  jwt_secret: z.string().min(32),
  encryption_key: z.string().min(32),
  agent_join_token: z.string().min(16),
});
export type Secrets = z.infer<typeof shape>;

/** The secrets of a home, made on its first start and kept in `secrets.json` for its owner alone. */
export async function readOrMakeSecrets(home: string): Promise<Secrets> {
  const path = join(home, "secrets.json");
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return await make(path);
    throw error;
  }
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(
      `Cannot use "${path}" as it must be a JSON object with jwt_secret, encryption_key and agent_join_token: restore it, or remove it to make new ones (sealed secrets are lost then)`,
      { cause },
    );
  }
}

async function make(path: string): Promise<Secrets> {
  const secret = () => randomBytes(32).toString("base64url");
  const secrets = {
    jwt_secret: secret(),
    encryption_key: secret(),
    agent_join_token: secret(),
  };
  // Whole or not at all, also when the power goes now.
  const fresh = `${path}.new`;
  await Deno.remove(fresh).catch(() => {});
  await Deno.writeTextFile(fresh, JSON.stringify(secrets, null, 2) + "\n", {
    mode: 0o600,
    createNew: true,
  });
  await Deno.rename(fresh, path);
  return secrets;
}
