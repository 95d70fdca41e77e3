// A conversation in Firefox, driven over WebDriver BiDi. Prints what was seen, heard and recorded as JSON.
//
//   echo '{"firefox", "url", "microphone", "speech", "timeout_s"}' | node converse.mjs
//
// `firefox` is its path, `microphone` a script for the page, `speech` a WAV file that the caller says, in base64.
import { text } from "node:stream/consumers";
import puppeteer from "puppeteer-core";

const given = JSON.parse(await text(process.stdin));
const timeout = given.timeout_s * 1000;
const KEEP_FILES = `(() => {
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => ((window.__file = blob), make.call(URL, blob));
  HTMLAnchorElement.prototype.click = () => undefined; // nothing is really downloaded
})();`;

const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: given.firefox,
  headless: true,
  protocolTimeout: timeout, // a page that stands still says so
  extraPrefsFirefox: {
    "media.navigator.streams.fake": true,
    "media.navigator.permission.disabled": true,
    "media.autoplay.default": 0,
    "media.peerconnection.ice.loopback": true,
  },
});
try {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.evaluateOnNewDocument(`if (navigator.mediaDevices) { ${given.microphone} }`); // about:blank has none
  await page.evaluateOnNewDocument(KEEP_FILES);
  await page.goto(given.url);
  const press = (name) =>
    page.evaluate((name) => [...document.querySelectorAll("button")].find((one) => one.textContent.trim() === name).click(), name);

  const see = (words) =>
    page.waitForFunction((words) => document.querySelector(".transcript")?.innerText.toLowerCase().includes(words), { timeout }, words);
  const hear = (since) => page.waitForFunction((since) => __ear.loudest(since) > 0.03, { timeout }, since);
  const now = () => page.evaluate(() => __ear.now());
  const quiet = () => page.waitForFunction(() => __ear.now() - __ear.lastSound() > 600, { timeout });

  await see("hello, and welcome");
  await hear(0);
  const transport = await page.evaluate(() => document.querySelector("[title^='Transport:']").textContent);
  await quiet();
  const spokeAt = await now();
  await page.evaluate((sound) => __microphone.say(sound), given.speech);
  const spokeUntil = await now();
  await see("what shall yours be about");
  await hear(spokeUntil);
  await new Promise((pass) => setTimeout(pass, 1500)); // the recording is written down once a second
  const heard = await page.evaluate(() => __ear.blocks().filter((block) => block.rms > 0.01).map((block) => block.at));
  const transcript = await page.evaluate(() => document.querySelector(".transcript").innerText);
  await press("Download audio");
  const recording = await page.evaluate(async () => {
    const bytes = new Uint8Array(await window.__file.arrayBuffer());
    let letters = "";
    for (let at = 0; at < bytes.length; at += 32768) letters += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(letters);
  });
  console.log(JSON.stringify({ transport, spokeAt, spokeUntil, heard, transcript, recording, errors }));
} finally {
  await Promise.race([browser.close(), new Promise((pass) => setTimeout(pass, 5000).unref())]);
  browser.process()?.kill("SIGKILL"); // if it does not close by itself
}
