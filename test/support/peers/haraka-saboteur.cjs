// A plugin for Haraka: its disk is full for messages to full.sink.test.
exports.register = function () {
  const outbound = this.haraka_require("outbound");
  const write = outbound.process_delivery;
  outbound.process_delivery = (files, todo, items) =>
    todo.domain === "full.sink.test" ? Promise.reject("disk full") : write.call(outbound, files, todo, items);
};
