// Questions and answers between a page and a frame of another origin, over message ports that nobody else holds.

/** Posts `question`; resolves to what the other side answers. */
export function ask(port, question) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => {
      port1.close();
      resolve(data);
    };
    port.postMessage(question, [port2]);
  });
}

/** Answers every question by the method of its name: `handlers[question.ask](question)`. */
export function answer(port, handlers) {
  port.onmessage = async ({ data, ports: [reply] }) => reply?.postMessage(await handlers[data.ask]?.(data));
}
