import { expect, it } from "vitest";
import { imageIn, scaled } from "../../src/call/image-file";

it("scales an image down to a longest side of 1024 pixels", () => {
  expect(scaled(4000, 3000)).toEqual({ width: 1024, height: 768 });
  expect(scaled(30, 4000)).toEqual({ width: 8, height: 1024 });
  expect(scaled(640, 480)).toEqual({ width: 640, height: 480 });
});

it("never scales a side to nothing", () => {
  expect(scaled(1, 5000)).toEqual({ width: 1, height: 1024 });
});

it("finds the first image of a paste", () => {
  const files = [
    new File(["a"], "notes.txt", { type: "text/plain" }),
    new File(["b"], "cat.png", { type: "image/png" }),
  ];
  expect(imageIn({ files } as unknown as DataTransfer)?.name).toBe("cat.png");
  expect(imageIn({ files: [files[0]] } as unknown as DataTransfer)).toBeNull();
  expect(imageIn(null)).toBeNull();
});
