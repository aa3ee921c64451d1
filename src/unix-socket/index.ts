// Unix sockets that are whose they are to be from their first moment on.
export { listenUnix } from "./listen-unix.ts";
