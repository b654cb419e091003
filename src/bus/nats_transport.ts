import type { Socket } from "node:net";
import {
  connect as connectTls,
  type SecureContextOptions,
  type TLSSocket,
} from "node:tls";
import {
  type ConnectionOptions,
  type NatsConnection,
  NatsConnectionImpl,
  setTransportFactory,
} from "@nats-io/transport-node";
import {
  nodeResolveHost,
  NodeTransport,
} from "@nats-io/transport-node/lib/node_transport.js";

/**
 * Connects as the client's own `connect` does, on sockets whose errors never end
 * the process: the client takes all listeners off a socket before it is quiet, and
 * a server that resets the connection then, as one does that refuses a password
 * or a certificate, would be an uncaught error.
 */
export function connectSafely(
  options: ConnectionOptions,
): Promise<NatsConnection> {
  setTransportFactory({
    factory: () => new SafeTransport(),
    dnsResolveFn: nodeResolveHost,
  });
  return NatsConnectionImpl.connect(options);
}

class SafeTransport extends NodeTransport {
  #address = "";

  override async dial(
    host: { hostname: string; port: number },
  ): Promise<Socket> {
    this.#address = host.hostname;
    return alwaysListening(await super.dial(host));
  }

  override async startTLS(): Promise<TLSSocket> {
    const certificates: SecureContextOptions = this.options.tls
      ? await this.loadClientCerts() ?? {}
      : {};
    const socket = alwaysListening(connectTls({
      ...certificates,
      socket: this.socket,
      // The name the server must prove; it has none when it is known by its address alone.
      host: this.tlsName || this.#address,
      ...(this.tlsName !== "" && { servername: this.tlsName }),
      rejectUnauthorized: true,
    }));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("secureConnect", () => resolve());
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("TLS handshake ended")));
    await promise;
    socket.removeAllListeners();
    return socket;
  }

  override setupHandlers(): void {
    super.setupHandlers();
    // It ended when nobody looked.
    if (this.socket.destroyed) this.socket.emit("close");
  }
}

function alwaysListening<S extends Socket>(socket: S): S {
  const removeAll = socket.removeAllListeners.bind(socket);
  const ignore = () => {};
  socket.removeAllListeners = (...names: Parameters<typeof removeAll>) => {
    removeAll(...names);
    socket.on("error", ignore);
    return socket;
  };
  socket.on("error", ignore);
  return socket;
}
