// Buttons of short sounds. One sound plays at a time.
const sound = new Audio();
for (const button of document.querySelectorAll(".sounds button")) {
  button.addEventListener("click", () => {
    sound.src = button.dataset.sound;
    sound.play();
    for (const other of document.querySelectorAll(".sounds button")) other.classList.toggle("playing", other === button);
  });
}
sound.addEventListener("ended", () => document.querySelector(".sounds .playing")?.classList.remove("playing"));
