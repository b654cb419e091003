import { countPacks, listPacks, type PackRow } from "../../db/pack_list.ts";
import { insertPack, updatePack } from "../../db/pack_write.ts";
import { permit } from "../auth/allow.ts";
import { personOf } from "../auth/authenticate.ts";
import { list, single, Success, success } from "../envelope.ts";
import { ApiError } from "../errors.ts";
import {
  allowPack,
  packByRef,
  seesPack,
  sightOf,
  unknownPack,
} from "../find_pack.ts";
import { removePack } from "../install_pack.ts";
import { counted, pageQuery, toPage } from "../paginate.ts";
import { body, endpoint, json, makeRouter } from "../router.ts";
import { checkPackRef, checkPackVersion } from "../rules.ts";
import { patched, refParam } from "../schemas/common.ts";
import {
  CreatePackRequest,
  Pack,
  PackSummary,
  UpdatePackRequest,
} from "../schemas/pack.ts";

export const packs = makeRouter();

const tags = ["packs"];
const one = json(single(Pack), "The pack");

packs.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/packs",
    tags,
    summary: "List packs by ref",
    request: { query: pageQuery },
    responses: { 200: json(list(PackSummary), "A page of them") },
  }),
  async (c) => {
    const { db } = c.var.deps;
    const page = toPage(c.req.valid("query"));
    const sight = sightOf(c);
    const [rows, total] = await Promise.all([
      listPacks(db, sight, page),
      countPacks(db, sight),
    ]);
    return c.json(counted(rows, total, page));
  },
);

packs.openapi(
  endpoint({
    method: "post",
    path: "/api/v1/packs",
    tags,
    summary: "Add a pack without files",
    request: { body: body(CreatePackRequest) },
    responses: { 201: one },
  }, permit("packs", "create")),
  async (c) => {
    const { db } = c.var.deps;
    const given = c.req.valid("json");
    checkPackRef(given.ref);
    checkPackVersion(given.version);
    const caller = personOf(c);
    const owned = caller.kind === "access" && !given.is_standard;
    const pack = await insertPack(db, {
      ...given,
      description: given.description ?? null,
      conf_schema: given.conf_schema,
      config: given.config,
      meta: given.meta,
      owner_identity: owned ? caller.identityId : null,
    });
    if (pack === undefined) {
      throw new ApiError("CONFLICT", `Pack '${given.ref}' exists already`);
    }
    return c.json({ data: shownPack(pack) }, 201);
  },
);

packs.openapi(
  endpoint({
    method: "get",
    path: "/api/v1/packs/{ref}",
    tags,
    summary: "One pack",
    request: { params: refParam },
    responses: { 200: one },
  }),
  async (c) => {
    const { ref } = c.req.valid("param");
    const pack = await packByRef(c, ref);
    if (!seesPack(c, pack)) throw unknownPack(ref);
    return c.json({ data: shownPack(pack) });
  },
);

packs.openapi(
  endpoint({
    method: "put",
    path: "/api/v1/packs/{ref}",
    tags,
    summary: "Change a pack",
    request: { params: refParam, body: body(UpdatePackRequest) },
    responses: { 200: one },
  }),
  async (c) => {
    const { ref } = c.req.valid("param");
    const change = c.req.valid("json");
    allowPack(c, "configure", await packByRef(c, ref));
    if (change.version !== undefined) checkPackVersion(change.version);
    const pack = await updatePack(c.var.deps.db, ref, {
      ...change,
      description: patched(change.description),
      conf_schema: change.conf_schema,
      config: change.config,
      meta: change.meta,
    });
    if (pack === undefined) throw unknownPack(ref);
    return c.json({ data: shownPack(pack) });
  },
);

packs.openapi(
  endpoint({
    method: "delete",
    path: "/api/v1/packs/{ref}",
    tags,
    summary: "Remove a pack with its components and files",
    request: { params: refParam },
    responses: { 200: json(Success, "Removed") },
  }),
  async (c) => {
    const { deps } = c.var;
    const { ref } = c.req.valid("param");
    allowPack(c, "delete", await packByRef(c, ref));
    if (!await removePack(deps, ref)) throw unknownPack(ref);
    return c.json(success(`Pack '${ref}' deleted`));
  },
);

/** A pack as answers show it. */
export function shownPack({ owner_identity: _, ...pack }: PackRow) {
  return pack;
}
